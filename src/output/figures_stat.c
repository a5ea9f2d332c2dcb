/* stat for people: sections and names as asmalloc prints them, whose users look for them. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "figures.h"
#include "figures_json.h"
#include "map_call.h"
#include "units.h"

#define RULE "=============================================\n"
#define DATE_MAX 64

static const char *date(char out[DATE_MAX], const struct figures *figures, const char *format)
{
	time_t at = figures->time;
	struct tm tm;

	out[0] = 0;
	if (gmtime_r(&at, &tm))
		strftime(out, DATE_MAX, format, &tm);
	return out;
}

/* 5.367 KB, with a factor of 1024. */
static const char *human(char out[32], int64_t bytes)
{
	static const char *const units[] = { "B", "KB", "MB", "GB", "TB" };
	double value = bytes;
	size_t i = 0;

	for (; (value >= 1024 || value <= -1024) && i + 1 < countof(units); i++)
		value /= 1024;
	snprintf(out, 32, "%.3f %s", value, units[i]);
	return out;
}

#define in_human(bytes) human((char[32]){ 0 }, bytes)

/* ---- sections ---------------------------------------------------------------------------- */

static void put_date(FILE *out, const struct figures *figures)
{
	fprintf(out, "\n%s GMT:\n\n", date((char[DATE_MAX]){ 0 }, figures, "%b %d %Y %T"));
}

static void put_threads(FILE *out, const struct figures *figures)
{
	struct heap *heap = figures->report->heap;
	uint64_t live, total;
	size_t count;
	struct heap_thread *list = heap_thread_list(heap, &count);

	heap_threads(heap, &live, &total);
	fprintf(out, ">>>There are %" PRIu64 " live (out of %" PRIu64 " total) threads.<<<\n", live,
	        total);
	for (size_t i = 0; i < count && live > 1; i++)
		if (list[i].tid)
			fprintf(out, "thread %d: allocs %" PRIu64 " (%" PRIu64 "), frees %" PRIu64
			        " (-%" PRIu64 ")\n", list[i].tid, list[i].allocs, list[i].bytes,
			        list[i].frees, list[i].freed_bytes);
	free(list);
}

/* The name that asmalloc has for the calls of a function, or the function's own. */
static const char *label(const char *function)
{
	static const struct {
		const char *function, *label;
	} labels[] = {
		{ "malloc", "mem_count_mallocs" }, { "free", "mem_count_frees" },
		{ "calloc", "mem_count_callocs" }, { "realloc", "mem_count_reallocs" },
		{ "strdup", "mem_count_strdups" }, { "strndup", "mem_count_strndups" },
		{ "valloc", "mem_count_vallocs" }, { "mallocx", "mem_count_mallocxs" },
		{ "rallocx", "mem_count_rallocxs" },
	};

	for (size_t i = 0; i < countof(labels); i++)
		if (strcmp(labels[i].function, function) == 0)
			return labels[i].label;
	return function;
}

static void put_function(FILE *out, const struct heap_calls *calls)
{
	const struct heap_function *of = &calls->of;

	fprintf(out, "%s: %" PRIu64 " (", label(of->name), of->calls);
	if (of->kind != HEAP_FREE)
		fprintf(out, "%" PRIu64, of->bytes);
	if (of->kind == HEAP_REALLOC)
		fputs(" / ", out);
	if (of->kind != HEAP_ALLOC)
		fprintf(out, "%s%" PRIu64, calls->freed ? "-" : "", calls->freed);
	putc(')', out);
	if (of->null)
		fprintf(out, ", %" PRIu64 " of NULL", of->null);
	if (of->failed)
		fprintf(out, ", %" PRIu64 " failed", of->failed);
	putc('\n', out);
}

static void put_functions(FILE *out, const struct heap *heap)
{
	size_t count;
	struct heap_calls *list = heap_functions_since(heap, &count);

	for (size_t i = 0; i < count; i++)
		put_function(out, &list[i]);
	free(list);
}

static void put_calls(FILE *out, const struct heap_maps *maps, enum map_call_kind kind)
{
	const struct heap_map_calls *calls = &maps->calls[kind];

	fprintf(out, "%ss: %" PRIu64 " (%" PRIu64 ")\n", map_call_name(kind), calls->calls,
	        calls->bytes);
}

static void put_maps(FILE *out, struct heap *heap)
{
	struct heap_maps maps = heap_maps(heap);
	int64_t shm = figures_net_shm(&maps);

	if (maps.state == HEAP_MAPS_OFF)
		return;
	put_calls(out, &maps, MAP_CALL_BRK);
	fprintf(out, "net mmaps: %" PRId64 " : %" PRId64 " (%s)\n", figures_net_mmaps(&maps),
	        maps.net_bytes, in_human(maps.net_bytes));
	put_calls(out, &maps, MAP_CALL_MMAP);
	put_calls(out, &maps, MAP_CALL_MUNMAP);
	put_calls(out, &maps, MAP_CALL_MREMAP);
	fprintf(out, "net shms: %" PRId64 " (%s)\n", shm, in_human(shm));
	put_calls(out, &maps, MAP_CALL_SHMAT);
	put_calls(out, &maps, MAP_CALL_SHMDT);
}

static void put_sum(FILE *out, const char *name, const struct heap_counters *counters,
                    const struct heap_sum *sum)
{
	fprintf(out, "%s: %" PRIu64 " : %" PRIu64 " (%s)", name, sum->count, sum->bytes,
	        in_human((int64_t)sum->bytes));
	if (counters->usable_known)
		fprintf(out, ", usable %" PRIu64, sum->usable);
	putc('\n', out);
}

static void put_count(FILE *out, const struct figures *figures)
{
	struct heap *heap = figures->report->heap;
	const struct heap_counters *counters = heap_counters(heap);
	uint64_t mem_count = figures_mem_count(counters);

	fputs("Mem Count Stats:\n" RULE, out);
	if (counters->resets)
		fprintf(out, "since the reset %s after the begin\n", in_time(counters->since_ms));
	if (counters->off)
		fputs("switched off: as of then\n", out);
	fprintf(out, "mem_count: %" PRIu64 " (%s)\n", mem_count, in_human((int64_t)mem_count));
	fprintf(out, "net mallocs: %" PRIu64 "\n", counters->live.count);
	put_sum(out, "allocated", counters, &counters->allocated);
	put_sum(out, "freed", counters, &counters->freed);
	if (counters->freed_earlier.count)
		put_sum(out, "freed of earlier ones", counters, &counters->freed_earlier);
	put_sum(out, "in use", counters, &counters->live);
	put_sum(out, "peak", counters, &counters->peak);
	fprintf(out, "temporary: %" PRIu64 "\n", counters->temporary);
	put_functions(out, heap);
	put_maps(out, heap);
	fputs(RULE, out);
}

static void put_sizes(FILE *out, const struct figures *figures)
{
	const struct heap_counters *counters = heap_counters(figures->report->heap);

	for (unsigned i = 0; i < HEAP_SIZES; i++)
		if (counters->sizes[i])
			fprintf(out, "%10s to %10s: %s\n", in_bytes(i ? UINT64_C(1) << (i - 1) : 0),
			        in_bytes(i ? (UINT64_C(1) << (i - 1)) * 2 - 1 : 0),
			        in_count(counters->sizes[i], "block"));
}

/* What the allocator has from the kernel is more than what it has handed out. */
static void put_allocator(FILE *out, const struct figures *figures)
{
	const struct heap_counters *counters = heap_counters(figures->report->heap);
	struct heap_maps maps = heap_maps(figures->report->heap);
	uint64_t held = figures_held(&maps), tracked = figures_mem_count(counters);

	if (maps.state != HEAP_MAPS_OFF)
		fprintf(out, "held_by_allocator: %" PRIu64 " ; tracked: %" PRIu64 " ; diff: %" PRId64
		        "\n", held, tracked, (int64_t)(held - tracked));
}

static void put_vm(FILE *out, const struct figures *figures)
{
	const struct heap_vm_figure *list;
	size_t count = heap_vm_now(figures->report->heap, &list);
	int64_t grown = count ? list[1].since_last : 0; /* VmSize */

	if (!count)
		return;
	fprintf(out, "%s:  Proc %d ", date((char[DATE_MAX]){ 0 }, figures, "%d %B %Y @ %T"),
	        figures->report->pid);
	if (grown)
		fprintf(out, "%s by %" PRId64 " KB", grown > 0 ? "grew" : "shrunk",
		        (grown > 0 ? grown : -grown) / 1024);
	else
		fputs("did not change", out);
	fprintf(out, " (net change: %" PRId64 " KB)\n", list[1].since_start / 1024);
	for (size_t i = 0; i < count; i++)
		fprintf(out, "   %s = %" PRIu64 "\n", list[i].name, list[i].bytes / 1024);
}

void figures_stat(FILE *out, const struct figures *figures)
{
	static const struct {
		unsigned section;
		void (*put)(FILE *, const struct figures *);
	} parts[] = {
		{ FIGURES_DATE, put_date }, { FIGURES_THREADS, put_threads },
		{ FIGURES_COUNT, put_count }, { FIGURES_SIZES, put_sizes },
		{ FIGURES_ALLOCATOR, put_allocator }, { FIGURES_VM, put_vm },
	};

	if (figures->json) {
		figures_json_stat(out, figures);
		return;
	}
	for (size_t i = 0; i < countof(parts); i++)
		if (figures->sections & parts[i].section)
			parts[i].put(out, figures);
}
