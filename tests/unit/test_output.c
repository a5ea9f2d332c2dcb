/* The writers, over a heap of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "heap_counters.h"
#include "map_call.h"
#include "output.h"
#include "output/units.h"
#include "utf8.h"

struct heap {
	struct heap_totals totals;
	uint64_t usable; /* 0: not known */
	const struct heap_function *functions;
	size_t function_count;
	const struct heap_site *sites;
	size_t site_count;
	const struct heap_frame *stack; /* of every site */
	size_t depth;
	struct heap_ledger ledger;
	uint64_t threads_live, threads_total;
	bool asked_for_stack;
	const struct heap_block *blocks;
	size_t block_count;
	const struct heap_allocator *allocators;
	size_t allocator_count;
	const struct heap_error *errors;
	size_t error_count;
	struct heap_cost cost;
	struct heap_maps maps;
	const struct heap_map_site *map_sites;
	const struct heap_library *libraries;
	const struct heap_mapping *mapping;
	const struct heap_vm_figure *figures;
	struct heap_rss rss;
	size_t map_site_count;
};

const struct heap_totals *heap_totals(const struct heap *heap)
{
	return &heap->totals;
}

bool heap_usable(const struct heap *heap, uint64_t *bytes)
{
	*bytes = heap->usable;
	return heap->usable;
}

size_t heap_functions(const struct heap *heap, const struct heap_function **functions)
{
	*functions = heap->functions;
	return heap->function_count;
}

struct heap_site *heap_sites(struct heap *heap, const struct heap_query *query, size_t *count)
{
	struct heap_site *copy = calloc(heap->site_count + 1, sizeof(*copy));

	(void)query;
	*count = heap->site_count;
	if (*count)
		memcpy(copy, heap->sites, *count * sizeof(*copy));
	return copy;
}

struct heap_block *heap_blocks(struct heap *heap, const struct heap_query *query, size_t *count)
{
	struct heap_block *copy = calloc(heap->block_count + 1, sizeof(*copy));

	(void)query;
	*count = heap->block_count;
	if (*count)
		memcpy(copy, heap->blocks, *count * sizeof(*copy));
	return copy;
}

struct heap_allocator *heap_allocators(const struct heap *heap, size_t *count)
{
	struct heap_allocator *copy = calloc(heap->allocator_count + 1, sizeof(*copy));

	*count = heap->allocator_count;
	if (*count)
		memcpy(copy, heap->allocators, *count * sizeof(*copy));
	return copy;
}

struct heap_maps heap_maps(struct heap *heap)
{
	return heap->maps;
}

struct heap_mapping *heap_mappings(struct heap *heap, uint64_t now_ms, size_t *count)
{
	struct heap_mapping *copy = malloc(sizeof(*copy));

	(void)now_ms;
	*count = heap->mapping ? 1 : 0;
	if (*count)
		*copy = *heap->mapping;
	return copy;
}

struct heap_library *heap_libraries(struct heap *heap, size_t *count)
{
	struct heap_library *copy = malloc(sizeof(*copy));

	*count = heap->libraries ? 1 : 0;
	if (*count)
		*copy = *heap->libraries;
	return copy;
}

size_t heap_vm(const struct heap *heap, const struct heap_vm_figure **figures)
{
	*figures = heap->figures;
	return heap->figures ? 2 : 0;
}

struct heap_rss heap_rss(struct heap *heap)
{
	return heap->rss;
}

struct heap_map_site *heap_map_sites(struct heap *heap, size_t *count)
{
	struct heap_map_site *copy = calloc(heap->map_site_count + 1, sizeof(*copy));

	*count = heap->map_site_count;
	if (*count)
		memcpy(copy, heap->map_sites, *count * sizeof(*copy));
	return copy;
}

size_t heap_errors(const struct heap *heap, const struct heap_error **list)
{
	*list = heap->errors;
	return heap->error_count;
}

const char *heap_error_name(enum heap_error_kind kind)
{
	return kind == HEAP_DOUBLE_FREE ? "double free" : "another error";
}

struct heap_cost heap_cost(const struct heap *heap)
{
	return heap->cost;
}

const struct heap_frame *heap_stack(struct heap *heap, uint32_t site, size_t *count)
{
	bool known = false;

	for (size_t i = 0; i < heap->site_count; i++)
		known |= heap->sites[i].id == site;
	assert_true(known);
	heap->asked_for_stack = true;
	*count = heap->depth;
	return heap->stack;
}

/* As the contract has it, not complete before the stacks were asked for. */
const struct heap_ledger *heap_ledger(const struct heap *heap)
{
	static const struct heap_ledger early;

	return heap->site_count && !heap->asked_for_stack ? &early : &heap->ledger;
}

void heap_threads(const struct heap *heap, uint64_t *live, uint64_t *total)
{
	*live = heap->threads_live;
	*total = heap->threads_total;
}

/* ---- nothing was counted ---- */

const struct heap_counters *heap_counters(struct heap *heap)
{
	static const struct heap_counters none;

	(void)heap;
	return &none;
}

struct heap_calls *heap_functions_since(const struct heap *heap, size_t *count)
{
	(void)heap;
	*count = 0;
	return NULL;
}

struct heap_thread *heap_thread_list(const struct heap *heap, size_t *count)
{
	(void)heap;
	*count = 0;
	return NULL;
}

struct heap_site_counters heap_site_counters(const struct heap *heap, uint32_t site)
{
	(void)heap, (void)site;
	return (struct heap_site_counters){ 0 };
}

struct heap_thread_site *heap_thread_sites(const struct heap *heap, uint32_t site, int tid,
					   size_t *count)
{
	(void)heap, (void)site, (void)tid;
	*count = 0;
	return NULL;
}

struct heap_group *heap_groups(struct heap *heap, enum heap_group_by by, size_t *count)
{
	(void)heap, (void)by;
	*count = 0;
	return NULL;
}

size_t heap_vm_now(struct heap *heap, const struct heap_vm_figure **figures)
{
	(void)heap, (void)figures;
	return 0;
}

static const struct heap_function functions[] = {
	{ "malloc", HEAP_ALLOC, 12345, 1, 0, 1612345 },
	{ "realloc", HEAP_REALLOC, 7, 0, 0, 700 },
	{ "free", HEAP_FREE, 12000, 0, 345, 0 },
	{ "operator new(unsigned long, std::align_val_t, std::nothrow_t const&)", HEAP_ALLOC, 1, 0,
	  0, 64 },
};

static const struct heap_allocator allocators[] = {
	{ "/usr/lib/libc.so.6", "malloc", ".dynsym", 0x7f0000001000, 10, NULL, 12345, true,
	  3, HEAP_NAMED, 0 },
	{ "/usr/lib/libc.so.6", "free", ".dynsym", 0x7f0000002000, 2, NULL, 12345, true, 2,
	  HEAP_NAMED, 0 },
	{ "/usr/lib/libc.so.6", "pvalloc", ".dynsym", 0x7f0000003000, 0, NULL, 0, true, 0,
	  HEAP_NAMED, 0 },
	{ "/usr/lib/libmine.so", "malloc", ".symtab", 0x7f1000001000, 4, "it may end in a jump", 0,
	  true, 0, HEAP_NAMED, 0 },
};

static const struct heap_site sites[] = {
	{ 2, "malloc", 345, 1572864, 2097152, 300, 2097000, 12000, 11655, 3, 900, "malloc" },
	{ 1, "realloc", 1, 100, 100, 1, 100, 1, 0, 5, 5, "realloc" },
	{ 3, "malloc", 0, 0, 10, 1, 10, 1, 1, 5, 5, "malloc" },
};

static const struct heap_frame stack[] = {
	{ 0x401136, "/opt/pr\xffg/bin/prog", "c0ffee", "fill", 0x16, "src/fill.c", 12, true, NULL },
	{ 0x401136, "/opt/pr\xffg/bin/prog", "c0ffee", "deep", 0x36, "src/fill.c", 20, false, NULL },
	{ 0x401200, "/opt/pr\xffg/bin/prog", "c0ffee", "deep", 0x40, "src/fill.c", 21, false, NULL },
	{ 0x401200, "/opt/pr\xffg/bin/prog", "c0ffee", "deep", 0x40, "src/fill.c", 21, false, NULL },
	{ 0x7f0000001234, "/usr/lib/libnameless.so.1", NULL, NULL, 0x1234, NULL, 0, false, NULL },
	{ 0x7f00000020b8, "/usr/lib/libc.so.6", "abcd", "__libc_start_main", 0x85, NULL, 0, false, NULL },
	{ 0x500000, NULL, NULL, NULL, 0, NULL, 0, false, NULL },
};

static const char *const cmdline[] = { "prog", "caf\xc3\xa9", "bad\xc3(", NULL };
static const char *const modules[] = { "/usr/lib/libnameless.so.1" };
static const char *const notes[] = { "libodd.so: its malloc could not be planted" };

static struct heap small_heap(void)
{
	return (struct heap){
		.totals = { 12002, 11656, 1613109, 40145, 346, 1572964, 2097252, 700, 0, 0, 0, 0 },
		.functions = functions,
		.function_count = countof(functions),
		.sites = sites,
		.site_count = countof(sites),
		.stack = stack,
		.depth = countof(stack),
		.ledger = { 1, 2, 1, 0, 0, false, 0, 0, HEAP_TEXT_UNKNOWN, 3, 4, 5, modules, 1, notes, 1 },
		.threads_live = 1,
		.threads_total = 8,
	};
}

static char *written(const char *format, const struct report *report)
{
	const struct output *output = output_by_name(format, strlen(format));
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(output);
	output->write(out, report);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void check(const char *format, const struct report *report, const char *expected)
{
	char *text = written(format, report);

	assert_string_equal(text, expected);
	free(text);
}

static struct report report_of(struct heap *heap)
{
	return (struct report){ .reason = "exit", .time_ms = 1234, .pid = 42,
				.exe = "/opt/pr\xffg/bin/prog", .cmdline = cmdline,
				.ending = "exited with status 3", .heap = heap };
}

static void text_small(void **state)
{
	struct heap heap = small_heap();
	struct report report = report_of(&heap);

	(void)state;
	report.top = 1;
	check("text", &report,
	      "alloctrace report: prog (pid 42) exited with status 3 after 1.2 s\n"
	      "  prog café bad�(\n"
	      "\n"
	      "  left over     1.5 MiB in 346 blocks\n"
	      "  at most       2.0 MiB after 700 ms\n"
	      "  allocated     1.5 MiB in 12,002 blocks\n"
	      "  freed        39.2 KiB in 11,656 blocks\n"
	      "  threads             8, 1 of them alive\n"
	      "\n"
	      "  This picture has gaps: 1 call whose end was not seen, 2 frees of blocks nobody was seen to\n"
	      "  allocate, 4 stacks cut short. 1 free of a block already freed: an error of the program.\n"
	      "  libodd.so: its malloc could not be planted.\n"
	      "  Some frames have no name in libnameless.so.1: stripped; a debug package, --debug-dir or\n"
	      "  DEBUGINFOD_URLS names them.\n"
	      "  3 frees of what the dynamic loader handed out itself. The program waited for the analysis 5\n"
	      "  times.\n"
	      "\n"
	      "  Sites that hold the most bytes (1 of 2):\n"
	      "\n"
	      "  1. 1.5 MiB in 345 blocks, 99.9 % of the bytes, by malloc\n"
	      "     12,000 allocations, 11,655 frees, at most 2.0 MiB; first after 3 ms, last after 900 ms\n"
	      "      fill (inlined)                                prog  src/fill.c:12\n"
	      "      deep                                          prog  src/fill.c:20\n"
	      "      deep                                          prog  src/fill.c:21  x 2\n"
	      "      libnameless.so.1+0x1234\n"
	      "      __libc_start_main+0x85                        libc.so.6\n"
	      "      0x500000\n"
	      "\n"
	      "  Not shown: 1 site holding 100 B in 1 block; --top N shows more.\n"
	      "\n"
	      "  At the peak of 2.0 MiB, after 700 ms, most was held by:\n"
	      "       2.0 MiB in 300 blocks, by malloc in fill (inlined) (site 1)\n"
	      "         100 B in 1 block, by realloc in fill (inlined)\n"
	      "          10 B in 1 block, by malloc in fill (inlined)\n"
	      "\n"
	      "  function                                               calls       bytes\n"
	      "  malloc                                                12,345     1.5 MiB  1 failed\n"
	      "  realloc                                                    7       700 B\n"
	      "  free                                                  12,000           -  345 of NULL\n"
	      "  operator new(unsigned ...::nothrow_t const&)               1        64 B\n");
}

static void text_complete(void **state)
{
	struct heap heap = small_heap();
	struct report report = report_of(&heap);

	(void)state;
	heap.ledger = (struct heap_ledger){ 0 };
	heap.function_count = 0;
	heap.depth = 0;
	report.reason = "dump";
	check("text", &report,
	      "alloctrace report: prog (pid 42), running for 1.2 s\n"
	      "  prog café bad�(\n"
	      "\n"
	      "  live now      1.5 MiB in 346 blocks\n"
	      "  at most       2.0 MiB after 700 ms\n"
	      "  allocated     1.5 MiB in 12,002 blocks\n"
	      "  freed        39.2 KiB in 11,656 blocks\n"
	      "  threads             8, 1 of them alive\n"
	      "\n"
	      "  Nothing was missed: every call seen, every stack whole.\n"
	      "\n"
	      "  Sites that hold the most bytes (2 of 2):\n"
	      "\n"
	      "  1. 1.5 MiB in 345 blocks, 99.9 % of the bytes, by malloc\n"
	      "     12,000 allocations, 11,655 frees, at most 2.0 MiB; first after 3 ms, last after 900 ms\n"
	      "      (no stack)\n"
	      "\n"
	      "  2. 100 B in 1 block, <0.1 % of the bytes, by realloc\n"
	      "     1 allocation, 0 frees, at most 100 B; after 5 ms\n"
	      "      (no stack)\n"
	      "\n"
	      "  At the peak of 2.0 MiB, after 700 ms, most was held by:\n"
	      "       2.0 MiB in 300 blocks, by malloc (site 1)\n"
	      "         100 B in 1 block, by realloc (site 2)\n"
	      "          10 B in 1 block, by malloc\n");
}

static void text_by_peak_shows_what_is_freed(void **state)
{
	struct heap heap = small_heap();
	struct report report = report_of(&heap);
	char *text;

	(void)state;
	report.query.sort = HEAP_BY_PEAK;
	text = written("text", &report);
	assert_non_null(strstr(text, "Sites that held the most at the peak (3 of 3):"));
	free(text);
}

static void text_all_freed(void **state)
{
	struct heap heap = { .totals = { 2, 2, 10, 10, 0, 0, 10, 3, 0, 0, 0, 0 }, .sites = &sites[2],
			     .site_count = 1, .stack = stack, .depth = 1, .threads_total = 1 };
	struct report report = { .reason = "exit", .time_ms = 4, .pid = 7, .exe = "/bin/true",
				 .ending = "killed by SIGSEGV", .heap = &heap };

	(void)state;
	check("text", &report,
	      "alloctrace report: true (pid 7) killed by SIGSEGV after 4 ms\n"
	      "\n"
	      "  left over         0 B in 0 blocks\n"
	      "  at most          10 B after 3 ms\n"
	      "  allocated        10 B in 2 blocks\n"
	      "  freed            10 B in 2 blocks\n"
	      "  threads             1\n"
	      "\n"
	      "  Nothing was missed: every call seen, every stack whole.\n"
	      "\n"
	      "  All clean: every block was given back.\n"
	      "\n"
	      "  At the peak of 10 B, after 3 ms, most was held by:\n"
	      "          10 B in 1 block, by malloc in fill (inlined)\n");
}

static void text_says_what_is_left_out(void **state)
{
	static const char *const match[] = { "read", "parse" }, *const hide[] = { "lib*.so" };
	struct heap heap = small_heap();
	struct report report = report_of(&heap);
	char *text;

	(void)state;
	report.query = (struct heap_query){ .min_size = 2048, .min_age_ms = 1500, .match = match,
		                            .match_count = 2, .hide = hide, .hide_count = 1 };
	text = written("text", &report);
	assert_non_null(strstr(text, "\n  Only blocks of at least 2.0 KiB that are 1.5 s old or older\n"
	                             "  Only stacks with \"read\" or \"parse\", but not with "
	                             "\"lib*.so\"\n\n"));
	free(text);
	heap.site_count = 0;
	text = written("text", &report);
	assert_non_null(strstr(text, "\n  No block left is one of these.\n"));
	free(text);
}

static const struct heap_block blocks[] = {
	{ 0x5500001000, 4096, 2, 77, 1200 },
	{ 0x5500003000, 100, 1, 42, 15 },
};

static void text_lists_blocks_when_asked(void **state)
{
	struct heap heap = small_heap();
	struct report report = report_of(&heap);
	char *text;

	(void)state;
	heap.blocks = blocks;
	heap.block_count = 2;
	report.blocks = true;
	report.top = 1;
	text = written("text", &report);
	assert_non_null(strstr(text,
	                       "\n  Largest blocks (1 of 2):\n"
	                       "         address         bytes           age    thread  allocated in\n"
	                       "  0x005500001000         4,096         1.2 s        77  fill (inlined)\n"));
	free(text);
}

static void json_lists_blocks_when_asked(void **state)
{
	struct heap heap = small_heap();
	struct report report = report_of(&heap);
	char *text;

	(void)state;
	heap.blocks = blocks;
	heap.block_count = 2;
	report.blocks = report.one_line = true;
	text = written("json", &report);
	assert_non_null(strstr(text, ",\"blocks\":[{\"address\":\"0x5500001000\",\"size\":4096,"
	                             "\"site\":2,\"tid\":77,\"age_ms\":1200},{\"address\":"
	                             "\"0x5500003000\",\"size\":100,\"site\":1,\"tid\":42,"
	                             "\"age_ms\":15}],\"mappings\":[]}"));
	free(text);
}

static const struct heap_frame odd_stack[] = {
	{ 0x401136, "/opt/a;b", NULL, "say \"hi\";now", 0x16, "src/odd,name.c", 12, true, NULL },
	{ 0x401200, "/opt/a;b", NULL, NULL, 0x200, NULL, 0, false, NULL },
	{ 0x500000, NULL, NULL, NULL, 0x500000, NULL, 0, false, NULL },
};

#define FOLDED_ODD "0x500000;a:b+0x200;say \"hi\":now_[i];"

static void folded_weighs_by_what_is_sorted_by(void **state)
{
	struct heap heap = small_heap();
	struct report report = report_of(&heap);

	(void)state;
	heap.stack = odd_stack;
	heap.depth = countof(odd_stack);
	check("folded", &report, FOLDED_ODD "malloc 1572864\n" FOLDED_ODD "realloc 100\n");
	report.query.sort = HEAP_BY_BLOCKS;
	check("folded", &report, FOLDED_ODD "malloc 345\n" FOLDED_ODD "realloc 1\n");
	report.query.sort = HEAP_BY_CALLS;
	report.top = 1;
	check("folded", &report, FOLDED_ODD "malloc 12000\n");
	report.query.sort = HEAP_BY_PEAK;
	check("folded", &report, FOLDED_ODD "malloc 2097000\n");
}

#define CSV_HEADER                                                                         \
	"site,live_bytes,live_blocks,allocs,frees,peak_bytes,at_peak_bytes,at_peak_blocks," \
	"first_ms,last_ms,function,caller,module,file,line,stack\r\n"

static void csv_quotes_what_is_not_its_own(void **state)
{
	struct heap heap = small_heap();
	struct report report = report_of(&heap);

	(void)state;
	heap.stack = odd_stack;
	heap.depth = countof(odd_stack);
	report.top = 1;
	check("csv", &report,
	      CSV_HEADER "2,1572864,345,12000,11655,2097152,2097000,300,3,900,\"malloc\","
	                 "\"say \"\"hi\"\";now\",\"/opt/a;b\",\"src/odd,name.c\",12,"
	                 "\"0x500000;a:b+0x200;say \"\"hi\"\":now_[i];malloc\"\r\n");
	heap.depth = 0;
	check("csv", &report,
	      CSV_HEADER "2,1572864,345,12000,11655,2097152,2097000,300,3,900,\"malloc\","
	                 "\"\",\"\",\"\",,\"malloc\"\r\n");
}

static void text_never_cleaner_than_it_is(void **state)
{
	struct heap heap = { .totals = { 2, 2, 10, 10, 0, 0, 10, 3, 0, 0, 0, 0 },
			     .ledger.missed_calls = 1 };
	struct report report = report_of(&heap);
	char *text = written("text", &report);

	(void)state;
	assert_null(strstr(text, "Nothing was missed"));
	assert_null(strstr(text, "All clean"));
	assert_non_null(strstr(text, "Every block that was seen was given back."));
	free(text);
}

static void text_empty(void **state)
{
	struct heap heap = { .threads_live = 1, .threads_total = 1 };
	struct report report = { .reason = "detach", .time_ms = 61000, .pid = 7, .heap = &heap };

	(void)state;
	check("text", &report,
	      "alloctrace report: ? (pid 7), left running after 1 min 1 s\n"
	      "\n"
	      "  live now          0 B in 0 blocks\n"
	      "  at most           0 B\n"
	      "  allocated         0 B in 0 blocks\n"
	      "  freed             0 B in 0 blocks\n"
	      "  threads             1\n"
	      "\n"
	      "  Nothing was missed: every call seen, every stack whole.\n"
	      "\n"
	      "  Nothing was allocated.\n");
}

static const struct suppressed suppressed[] = {
	{ "known\033leak", "ci.supp", 3, 345, 1572864 },
	{ "stale", "ci.supp", 9, 0, 0 },
	{ "stdio's buffers", NULL, 0, 1, 1024 },
	{ "another", "more.supp", 1, 0, 0 },
};
static const bool covered[] = { false, false, true, false }; /* by site id */

static void text_suppressed(void **state)
{
	struct heap heap = small_heap();
	struct report report = report_of(&heap);
	char *text;

	(void)state;
	heap.depth = 0;
	heap.function_count = 0;
	report.suppressed = suppressed;
	report.suppressed_count = countof(suppressed);
	report.covered = covered;
	text = written("text", &report);
	assert_non_null(strstr(text, "left over     1.5 MiB in 346 blocks\n"));
	assert_string_equal(strstr(text, "\n  Sites"),
	      "\n  Sites that hold the most bytes (1 of 1):\n"
	      "\n"
	      "  1. 100 B in 1 block, <0.1 % of the bytes, by realloc\n"
	      "     1 allocation, 0 frees, at most 100 B; after 5 ms\n"
	      "      (no stack)\n"
	      "\n"
	      "  Suppressed: 1.5 MiB in 346 blocks:\n"
	      "\n"
	      "     1.5 MiB in 345 blocks     known?leak (ci.supp:3)\n"
	      "     1.0 KiB in 1 block        stdio's buffers (built in)\n"
	      "\n"
	      "  Unused suppressions: stale (ci.supp:9), another (more.supp:1).\n"
	      "\n"
	      "  At the peak of 2.0 MiB, after 700 ms, most was held by:\n"
	      "       2.0 MiB in 300 blocks, by malloc\n"
	      "         100 B in 1 block, by realloc (site 1)\n"
	      "          10 B in 1 block, by malloc\n");
	free(text);
	report.reason = "dump"; /* nothing is left yet */
	text = written("text", &report);
	assert_non_null(strstr(text, "(2 of 2)"));
	free(text);
}

static void json_suppressed(void **state)
{
	struct heap heap = small_heap();
	struct report report = report_of(&heap);
	char *text;

	(void)state;
	report.one_line = true;
	report.suppressed = suppressed + 1;
	report.suppressed_count = 2;
	report.covered = covered;
	text = written("json", &report);
	assert_non_null(strstr(text, "\"allocators\":[],\"cost\":null,\"suppressions\":[{\"name\":\"stale\",\"file\":\"ci.supp\","
				     "\"line\":9,\"blocks\":0,\"bytes\":0},"
				     "{\"name\":\"stdio's buffers\",\"file\":null,\"line\":null,"
				     "\"blocks\":1,\"bytes\":1024}],\"sites\":[{\"id\":2,"));
	free(text);
}

static void text_colour_only_when_asked(void **state)
{
	struct heap heap = small_heap();
	struct report report = report_of(&heap);
	char *text = written("text", &report);

	(void)state;
	assert_null(strchr(text, '\033'));
	free(text);
	report.colour = true;
	text = written("text", &report);
	assert_non_null(strstr(text, "\033[31m  This picture has gaps"));
	free(text);
}

/* Whatever the target calls its files, lines stay short and the terminal unharmed. */
static void text_hostile_names(void **state)
{
	static char name[5000], file[3000], module[2000];
	struct heap_frame frame = { 1, module, NULL, name, 0xffffffffffffffff, file, 2147483647,
				    false, NULL };
	struct heap heap = small_heap();
	struct report report = report_of(&heap);
	char *text;

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	memset(file, 'f', sizeof(file) - 1);
	memset(module, 'm', sizeof(module) - 1);
	name[3] = '\033';
	file[2990] = '\n';
	heap.stack = &frame;
	heap.depth = 1;
	for (int i = 0; i < 4; i++) {
		frame.function = i & 1 ? name : NULL;
		frame.file = i & 2 ? file : NULL;
		text = written("text", &report);
		assert_null(strchr(text, '\033'));
		for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
			assert_in_range(utf8_columns(line), 1, 98);
		free(text);
	}
}

static void json_small(void **state)
{
	struct heap heap = small_heap();
	struct report report = report_of(&heap);

	(void)state;
	report.one_line = true;
	report.top = 1;
	check("json", &report,
	      "{\"alloctrace\":1,\"reason\":\"exit\",\"time_ms\":1234,\"peak_ms\":700,\"pid\":42,"
	      "\"exe\":\"/opt/pr�g/bin/prog\",\"cmdline\":[\"prog\",\"café\",\"bad�(\"],\"totals\":{"
	      "\"allocs\":12002,\"frees\":11656,\"bytes_allocated\":1613109,\"bytes_freed\":40145,"
	      "\"live_blocks\":346,\"live_bytes\":1572964,\"peak_live_bytes\":2097252,"
	      "\"inherited_blocks\":0,\"inherited_bytes\":0,"
	      "\"forgotten_blocks\":0,\"forgotten_bytes\":0,"
	      "\"usable_live_bytes\":null},\"functions\":{\"malloc\":{\"calls\":12345,\"failed\":1,"
	      "\"bytes\":1612345},\"realloc\":{\"calls\":7,\"failed\":0,\"bytes\":700},\"free\":{"
	      "\"calls\":12000,\"null\":345},\"operator new(unsigned long, std::align_val_t,"
	      " std::nothrow_t const&)\":{\"calls\":1,\"failed\":0,\"bytes\":64}},\"maps\":null,"
	      "\"threads\":{\"live\":1,\"total\":8},"
	      "\"counters\":{\"resets\":0,\"since_ms\":0,\"off\":false,"
	      "\"allocated\":{\"count\":0,\"bytes\":0,\"usable_bytes\":null},"
	      "\"freed\":{\"count\":0,\"bytes\":0,\"usable_bytes\":null},"
	      "\"freed_earlier\":{\"count\":0,\"bytes\":0,\"usable_bytes\":null},"
	      "\"in_use\":{\"count\":0,\"bytes\":0,\"usable_bytes\":null},"
	      "\"peak\":{\"count\":0,\"bytes\":0,\"usable_bytes\":null},"
	      "\"temporary\":0,\"sizes\":[],\"by_thread\":[]},\"ledger\":{\"missed_calls\":1,\"unknown_frees\":2,"
	      "\"double_frees\":1,\"earlier_calls\":0,\"earlier_frees\":0,\"text_identical\":null,"
	      "\"off\":false,\"off_times\":0,\"off_ms\":0,\"loader_frees\":3,\"truncated_stacks\":4,\"stalls\":5,"
	      "\"unsymbolised_modules\":[\"/usr/lib/libnameless.so.1\"],"
	      "\"notes\":[\"libodd.so: its malloc could not be planted\"]},"
	      "\"errors\":[],\"allocators\":[],\"cost\":null,"
	      "\"suppressions\":[],\"sites\":[{\"id\":2,"
	      "\"function\":\"malloc\",\"live_blocks\":345,\"live_bytes\":1572864,\"allocs\":12000,"
	      "\"frees\":11655,\"peak_bytes\":2097152,\"at_peak_blocks\":300,"
	      "\"at_peak_bytes\":2097000,\"first_ms\":3,\"last_ms\":900,"
	      "\"bytes_allocated\":0,\"temporary\":0,\"stack\":[{"
	      "\"address\":\"0x401136\",\"module\":\"/opt/pr�g/bin/prog\",\"build_id\":\"c0ffee\","
	      "\"function\":\"fill\",\"offset\":22,\"file\":\"src/fill.c\",\"line\":12,\"inlined\":true},"
	      "{\"address\":\"0x401136\",\"module\":\"/opt/pr�g/bin/prog\",\"build_id\":\"c0ffee\","
	      "\"function\":\"deep\",\"offset\":54,\"file\":\"src/fill.c\",\"line\":20,"
	      "\"inlined\":false},{\"address\":\"0x401200\",\"module\":\"/opt/pr�g/bin/prog\","
	      "\"build_id\":\"c0ffee\",\"function\":\"deep\",\"offset\":64,\"file\":\"src/fill.c\","
	      "\"line\":21,\"inlined\":false},{\"address\":\"0x401200\","
	      "\"module\":\"/opt/pr�g/bin/prog\",\"build_id\":\"c0ffee\",\"function\":\"deep\","
	      "\"offset\":64,\"file\":\"src/fill.c\",\"line\":21,\"inlined\":false},{"
	      "\"address\":\"0x7f0000001234\",\"module\":\"/usr/lib/libnameless.so.1\","
	      "\"build_id\":null,\"function\":null,\"offset\":4660,\"file\":null,\"line\":null,"
	      "\"inlined\":false},{\"address\":\"0x7f00000020b8\",\"module\":\"/usr/lib/libc.so.6\","
	      "\"build_id\":\"abcd\",\"function\":\"__libc_start_main\",\"offset\":133,\"file\":null,"
	      "\"line\":null,\"inlined\":false},{\"address\":\"0x500000\",\"module\":null,"
	      "\"build_id\":null,\"function\":null,\"offset\":0,\"file\":null,\"line\":null,"
	      "\"inlined\":false}]}]}\n");
}

static struct heap looked_at(void)
{
	return (struct heap){ .allocators = allocators, .allocator_count = countof(allocators),
		              .threads_live = 1, .threads_total = 1,
		              .cost = { 37035, 130000000, 2000000000 } };
}

static void json_maps_told(void **state)
{
	static const struct heap_map_calls calls[MAP_CALLS] = {
		[MAP_CALL_MMAP] = { 3, 1, 40960 }, [MAP_CALL_SHMAT] = { 1, 0, 4096 },
	};
	static const struct heap_mapped origins[] = { { "app", 40960, 2, 8192 },
		                                       { "lib\"x", 0, 0, 0 } };
	static const struct heap_map_site map_sites[] = {
		{ 2, "mmap", "app", 40960, 2, 8192, 3, 5, 6 },
	};
	static const struct heap_library library = { "/usr/lib/libx.so", 5, 4, 3, 2 };
	static const struct heap_mapping mapping = {
		0x7000, 4096, PROT_READ | PROT_EXEC, true, false, "/x", 8192, "app", 2, 42, 9, 0x7010
	};
	static const struct heap_vm_figure figures[] = { { "VmPeak", 4096, -1024, 2048 },
		                                         { "VmSize", 0, 0, 0 } };
	static const struct heap_rss_part parts[] = { { "live blocks", "live", 90 },
		                                      { "stacks", "stacks", 8 } };
	struct heap heap = small_heap();
	struct report report = report_of(&heap);
	char *text;

	(void)state;
	heap.depth = 1;
	heap.maps = (struct heap_maps){ HEAP_MAPS_DIFFER, 2, 1, 4, calls, origins, 2, 9, 3, 40960,
		                       -4096, true };
	heap.libraries = &library;
	heap.mapping = &mapping;
	report.blocks = true;
	heap.figures = figures;
	heap.rss = (struct heap_rss){ 100, parts, countof(parts), 2, 7, "Live." };
	heap.map_sites = map_sites;
	heap.map_site_count = 1;
	report.one_line = true;
	text = written("json", &report);
	assert_non_null(strstr(text, "\"maps\":{\"mmap\":{\"calls\":3,\"failed\":1,\"bytes\":40960},"
	      "\"munmap\":{\"calls\":0,\"failed\":0,\"bytes\":0},"
	      "\"mremap\":{\"calls\":0,\"failed\":0,\"bytes\":0},"
	      "\"brk\":{\"calls\":0,\"failed\":0,\"bytes\":0},"
	      "\"shmat\":{\"calls\":1,\"failed\":0,\"bytes\":4096},\"places\":9,\"any_places\":3,"
	      "\"bytes\":40960,"
	      "\"net_bytes\":-4096,\"by_origin\":{\"app\":40960,\"lib\\\"x\":0},"
	      "\"resident_by_origin\":{\"app\":8192,\"lib\\\"x\":0},"
	      "\"identical\":false,\"differences\":2,\"unordered_calls\":1,"
	      "\"truncated_stacks\":4},"
	      "\"map_sites\":[{\"id\":2,\"call\":\"mmap\",\"origin\":\"app\",\"bytes\":40960,"
	      "\"maps\":2,\"resident\":8192,\"calls\":3,\"first_ms\":5,\"last_ms\":6,\"stack\":[{"));
	assert_non_null(strstr(text, "\"mappings\":[{\"address\":\"0x7000\",\"size\":4096,"
	      "\"permissions\":\"r-xs\",\"grows_down\":false,\"file\":\"/x\",\"offset\":8192,"
	      "\"origin\":\"app\",\"site\":2,\"tid\":42,\"age_ms\":9,\"block\":\"0x7010\"}]"));
	assert_non_null(strstr(text, "\"libraries\":[{\"path\":\"/usr/lib/libx.so\","
	      "\"mapped_bytes\":5,\"mapped_resident\":4,\"file_bytes\":3,\"file_resident\":2}],"
	      "\"vm\":{\"VmPeak\":{\"bytes\":4096,\"since_last\":-1024,\"since_start\":2048},"
	      "\"VmSize\":{\"bytes\":0,\"since_last\":0,\"since_start\":0}},"
	      "\"rss\":{\"bytes\":100,\"parts\":{\"live\":90,\"stacks\":8},\"unaccounted\":2,"
	      "\"live_absent\":7,\"verdict\":\"Live.\"}"));
	free(text);
}

static void json_check(void **state)
{
	struct heap heap = looked_at();
	struct report report = { .reason = "detach", .heap = &heap, .one_line = true };
	char *text = written("json", &report);

	(void)state;
	assert_non_null(strstr(text, "\"allocators\":[{\"module\":\"/usr/lib/libc.so.6\","
	      "\"function\":\"malloc\",\"found_by\":\".dynsym\",\"address\":\"0x7f0000001000\","
	      "\"traps\":10,\"one_stop\":true,\"two_stops\":null,\"calls\":12345,"
	      "\"bound_modules\":3},{"));
	assert_non_null(strstr(text, "],\"cost\":{\"watched_us\":2000000,\"stops\":37035,"
	      "\"tracer_us\":130000,\"stopped_us\":null},"));
	free(text);
	report.bare_stop_ns = 8000;
	report.bare_stop_cpu_ns = 2000;
	text = written("json", &report);
	assert_non_null(strstr(text, "\"stopped_us\":352210},"));
	free(text);
}

static void check_quiet(void **state)
{
	struct heap heap = looked_at();
	struct report report = { .reason = "detach", .pid = 42, .exe = "/usr/bin/prog",
		                 .heap = &heap, .bare_stop_ns = 8000, .bare_stop_cpu_ns = 2000 };

	(void)state;
	heap.ledger.text = HEAP_TEXT_IDENTICAL;
	check("check", &report,
	      "alloctrace check: prog (pid 42), 1 thread: can be attached to\n"
	      "\n"
	      "  /usr/lib/libc.so.6, by its .dynsym\n"
	      "    malloc                          6,173 calls a second, one stop each\n"
	      "    free                            6,173 calls a second, one stop each\n"
	      "    not called meanwhile:\n"
	      "      pvalloc: not traced\n"
	      "\n"
	      "  /usr/lib/libmine.so, by its .symtab\n"
	      "    called by none of its names: malloc is that of libc.so.6\n"
	      "    not called meanwhile:\n"
	      "      malloc: two stops each, as it may end in a jump\n"
	      "\n"
	      "  Watched for 2.0 s, while it went on.\n"
	      "  Tracing it takes 18,518 stops a second of 9.5 us, 17.6 % of one thread's time:\n"
	      "  about 1.21 times slower, if one thread does it all.\n"
	      "  Let go: target text verified identical.\n");
}

static void check_flat_out(void **state)
{
	struct heap heap = looked_at();
	struct report report = { .reason = "detach", .heap = &heap, .bare_stop_ns = 50000 };
	char *text;

	(void)state;
	heap.ledger.stalls = 2;
	heap.ledger.notes = notes;
	heap.ledger.note_count = 1;
	text = written("check", &report);
	assert_string_equal(strstr(text, "99.1 %"),
	      "99.1 % of one thread's time:\n"
	      "  it allocates as fast as it is let, and will be many times slower.\n"
	      "  Note: libodd.so: its malloc could not be planted.\n"
	      "  The program waited for the analysis 2 times.\n");
	free(text);
}

static void check_nothing_found(void **state)
{
	struct heap heap = { .threads_live = 2 };
	struct report report = { .reason = "exit", .pid = 7, .heap = &heap };

	(void)state;
	check("check", &report,
	      "alloctrace check: ? (pid 7), 2 threads: can be attached to\n"
	      "\n"
	      "  No allocator function was found: no call will be seen.\n");
}

static void json_all_sites(void **state)
{
	struct heap heap = small_heap();
	struct report report = report_of(&heap);
	char *text = written("json", &report), *at = text;
	int found = 0;

	(void)state;
	for (; (at = strstr(at, "\"first_ms\"")); at++)
		found++;
	assert_int_equal(found, 3);
	free(text);
}

static void json_empty(void **state)
{
	struct heap heap = { .threads_live = 1, .threads_total = 1 };
	struct report report = { .reason = "detach", .time_ms = 61000, .pid = 7, .heap = &heap };

	(void)state;
	heap.totals.allocs = UINT64_MAX;
	check("json", &report,
	      "{\n"
	      "  \"alloctrace\": 1,\n"
	      "  \"reason\": \"detach\",\n"
	      "  \"time_ms\": 61000,\n"
	      "  \"peak_ms\": 0,\n"
	      "  \"pid\": 7,\n"
	      "  \"exe\": null,\n"
	      "  \"cmdline\": [\n"
	      "\n"
	      "  ],\n"
	      "  \"totals\": {\n"
	      "    \"allocs\": 18446744073709551615,\n"
	      "    \"frees\": 0,\n"
	      "    \"bytes_allocated\": 0,\n"
	      "    \"bytes_freed\": 0,\n"
	      "    \"live_blocks\": 0,\n"
	      "    \"live_bytes\": 0,\n"
	      "    \"peak_live_bytes\": 0,\n"
	      "    \"inherited_blocks\": 0,\n"
	      "    \"inherited_bytes\": 0,\n"
	      "    \"forgotten_blocks\": 0,\n"
	      "    \"forgotten_bytes\": 0,\n"
	      "    \"usable_live_bytes\": null\n"
	      "  },\n"
	      "  \"functions\": {\n"
	      "\n"
	      "  },\n"
	      "  \"maps\": null,\n"
	      "  \"threads\": {\n"
	      "    \"live\": 1,\n"
	      "    \"total\": 1\n"
	      "  },\n"
	      "  \"counters\": {\n"
	      "    \"resets\": 0,\n"
	      "    \"since_ms\": 0,\n"
	      "    \"off\": false,\n"
	      "    \"allocated\": {\n"
	      "      \"count\": 0,\n"
	      "      \"bytes\": 0,\n"
	      "      \"usable_bytes\": null\n"
	      "    },\n"
	      "    \"freed\": {\n"
	      "      \"count\": 0,\n"
	      "      \"bytes\": 0,\n"
	      "      \"usable_bytes\": null\n"
	      "    },\n"
	      "    \"freed_earlier\": {\n"
	      "      \"count\": 0,\n"
	      "      \"bytes\": 0,\n"
	      "      \"usable_bytes\": null\n"
	      "    },\n"
	      "    \"in_use\": {\n"
	      "      \"count\": 0,\n"
	      "      \"bytes\": 0,\n"
	      "      \"usable_bytes\": null\n"
	      "    },\n"
	      "    \"peak\": {\n"
	      "      \"count\": 0,\n"
	      "      \"bytes\": 0,\n"
	      "      \"usable_bytes\": null\n"
	      "    },\n"
	      "    \"temporary\": 0,\n"
	      "    \"sizes\": [\n"
	      "\n"
	      "    ],\n"
	      "    \"by_thread\": [\n"
	      "\n"
	      "    ]\n"
	      "  },\n"
	      "  \"by_library\": [\n"
	      "\n"
	      "  ],\n"
	      "  \"by_function\": [\n"
	      "\n"
	      "  ],\n"
	      "  \"ledger\": {\n"
	      "    \"missed_calls\": 0,\n"
	      "    \"unknown_frees\": 0,\n"
	      "    \"double_frees\": 0,\n"
	      "    \"earlier_calls\": 0,\n"
	      "    \"earlier_frees\": 0,\n"
	      "    \"text_identical\": null,\n"
	      "    \"off\": false,\n"
	      "    \"off_times\": 0,\n"
	      "    \"off_ms\": 0,\n"
	      "    \"loader_frees\": 0,\n"
	      "    \"truncated_stacks\": 0,\n"
	      "    \"stalls\": 0,\n"
	      "    \"unsymbolised_modules\": [\n"
	      "\n"
	      "    ],\n"
	      "    \"notes\": [\n"
	      "\n"
	      "    ]\n"
	      "  },\n"
	      "  \"errors\": [\n"
	      "\n"
	      "  ],\n"
	      "  \"allocators\": [\n"
	      "\n"
	      "  ],\n"
	      "  \"cost\": null,\n"
	      "  \"suppressions\": [\n"
	      "\n"
	      "  ],\n"
	      "  \"sites\": [\n"
	      "\n"
	      "  ]\n"
	      "}\n");
}

static void formats_are_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < output_count; i++) {
		char path[64];

		snprintf(path, sizeof(path), "dir.d/x%s", outputs[i].suffix);
		assert_ptr_equal(output_by_path(path), &outputs[i]);
		assert_ptr_equal(output_by_name(outputs[i].name, strlen(outputs[i].name)),
				 &outputs[i]);
	}
	assert_non_null(output_by_name("json:x", 4));
	assert_null(output_by_name("json", 3));
	assert_null(output_by_name("jsonl", 5));
	assert_null(output_by_path(".json"));
	assert_null(output_by_path("json"));
}

static void numbers_are_readable(void **state)
{
	(void)state;
	assert_string_equal(in_digits(0), "0");
	assert_string_equal(in_digits(999), "999");
	assert_string_equal(in_digits(1000), "1,000");
	assert_string_equal(in_digits(UINT64_MAX), "18,446,744,073,709,551,615");
	assert_string_equal(in_bytes(1023), "1023 B");
	assert_string_equal(in_bytes(1024), "1.0 KiB");
	assert_string_equal(in_bytes(1024 * 1024 - 1), "1.0 MiB");
	assert_string_equal(in_bytes(3ull << 29), "1.5 GiB");
	assert_string_equal(in_bytes(UINT64_MAX), "16.0 EiB");
	assert_string_equal(in_count(1, "block"), "1 block");
	assert_string_equal(in_count(0, "block"), "0 blocks");
	assert_string_equal(in_time(999), "999 ms");
	assert_string_equal(in_time(59999), "59.9 s");
	assert_string_equal(in_time(200000), "3 min 20 s");
	assert_string_equal(in_time(7500000), "2 h 5 min");
	assert_string_equal(in_share(0, 0), "0.0 %");
	assert_string_equal(in_share(1, 100000), "<0.1 %");
	assert_string_equal(in_share(1, 3), "33.3 %");
	assert_string_equal(in_share(99999, 100000), "99.9 %");
	assert_string_equal(in_share(7, 7), "100.0 %");
}

/* As Unicode 15, table 3-8 and after, has it: one U+FFFD for a maximal subpart. */
static void utf8_is_mended(void **state)
{
#define FFFD "\xef\xbf\xbd"
	static const char *const cases[][2] = {
		{ "\xff", FFFD },
		{ "\x80x", FFFD "x" },
		{ "\xc0\xaf", FFFD FFFD },
		{ "\xe0\x80\x80", FFFD FFFD FFFD },
		{ "\xed\xa0\x80", FFFD FFFD FFFD },
		{ "\xf4\x90\x80\x80", FFFD FFFD FFFD FFFD },
		{ "\xe1\x80\xe2\xf0\x91\x92\xf1\xbf" "A", FFFD FFFD FFFD FFFD "A" },
		{ "\xf0\x9f\x98", FFFD },
		{ "ok\xe2\x82", "ok" FFFD },
	};
	static const char fine[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf";

	(void)state;
	assert_ptr_equal(utf8_clean(fine), fine);
	for (size_t i = 0; i < countof(cases); i++) {
		char *clean = utf8_clean(cases[i][0]);

		assert_string_equal(clean, cases[i][1]);
		free(clean);
	}
}

static void utf8_is_fitted(void **state)
{
	char out[UTF8_FIT(8)];

	(void)state;
	assert_string_equal(utf8_fit(out, "12345678", 8, 4), "12345678");
	assert_string_equal(utf8_fit(out, "123456789", 8, 4), "1234...9");
	assert_string_equal(utf8_fit(out, "123456789", 8, 0), "...56789");
	assert_string_equal(utf8_fit(out, "123456789", 8, 8), "12345...");
	assert_string_equal(utf8_fit(out, "\xc3\xa9\t\xc2\x9b\x7f\xff", 8, 8),
			    "\xc3\xa9???" FFFD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_small),
		cmocka_unit_test(text_complete),
		cmocka_unit_test(text_by_peak_shows_what_is_freed),
		cmocka_unit_test(text_all_freed),
		cmocka_unit_test(text_says_what_is_left_out),
		cmocka_unit_test(text_lists_blocks_when_asked),
		cmocka_unit_test(json_lists_blocks_when_asked),
		cmocka_unit_test(folded_weighs_by_what_is_sorted_by),
		cmocka_unit_test(csv_quotes_what_is_not_its_own),
		cmocka_unit_test(text_never_cleaner_than_it_is),
		cmocka_unit_test(text_empty),
		cmocka_unit_test(text_suppressed),
		cmocka_unit_test(json_suppressed),
		cmocka_unit_test(text_colour_only_when_asked),
		cmocka_unit_test(text_hostile_names),
		cmocka_unit_test(json_small),
		cmocka_unit_test(json_check),
		cmocka_unit_test(json_maps_told),
		cmocka_unit_test(check_quiet),
		cmocka_unit_test(check_flat_out),
		cmocka_unit_test(check_nothing_found),
		cmocka_unit_test(json_all_sites),
		cmocka_unit_test(json_empty),
		cmocka_unit_test(formats_are_found),
		cmocka_unit_test(numbers_are_readable),
		cmocka_unit_test(utf8_is_mended),
		cmocka_unit_test(utf8_is_fitted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
