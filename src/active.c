#include "active.h"

#include <stdlib.h>
#include <string.h>

#include "active_list.h"
#include "log.h"
#include "recorded.h"
#include "stream.h"

/* ---- a recording ----------------------------------------------------------------------------- */

/* " LIBRARY SYMBOL CALLER", as mtrace's stream tells it. The caller frees. */
static char *caller_of(struct heap *heap, uint32_t site)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	putc(' ', out);
	stream_caller_put(out, heap, site);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

/* As the stream calls it: C++'s operators, whose names are no words, by the calls they make. */
static const char *word_for(struct heap *heap, const char *name)
{
	const struct heap_function *functions;
	size_t count = heap_functions(heap, &functions);

	for (size_t i = 0; i < count; i++)
		if (functions[i].kind == HEAP_REALLOC && strcmp(functions[i].name, name) == 0)
			return "malloc(realloc)";
	return stream_is_word(name) ? name : "malloc";
}

/* By site id. The caller frees. */
static const char **functions_of(struct heap *heap)
{
	const struct heap_query all = { 0 };
	const char **names;
	uint32_t last = 0;
	size_t count;
	struct heap_site *sites = heap_sites(heap, &all, &count);

	for (size_t i = 0; i < count; i++)
		last = sites[i].id > last ? sites[i].id : last;
	names = calloc((size_t)last + 1, sizeof(*names));
	for (size_t i = 0; names && i < count; i++)
		names[sites[i].id] = word_for(heap, sites[i].function);
	free(sites);
	return names;
}

static bool add_blocks(struct active_list *active, struct heap *heap, int pid,
                       const struct heap_query *query)
{
	size_t count;
	struct heap_block *blocks = heap_blocks(heap, query, &count);
	const char **functions = functions_of(heap);
	bool sound = blocks && functions;

	for (size_t i = 0; sound && i < count; i++)
		sound = active_add(&active->blocks, &(struct active){
			blocks[i].address, blocks[i].size, strdup(functions[blocks[i].site]),
			caller_of(heap, blocks[i].site), pid });
	free(functions);
	free(blocks);
	return sound;
}

enum { BY_MMAP = 1, BY_MREMAP };

/* Which of the calls that the stream tells of has made what is mapped from a site; the break is
 * no mapping. The caller frees what is in it. */
static bool find_calls(struct heap *heap, struct table *calls)
{
	size_t count;
	struct heap_map_site *sites = heap_map_sites(heap, &count);
	bool sound = true;
	uint64_t *at;

	for (size_t i = 0; sound && i < count; i++) {
		bool remaps = strcmp(sites[i].call, "mremap") == 0;

		if (!remaps && strcmp(sites[i].call, "mmap") != 0)
			continue;
		at = table_put(calls, sites[i].id);
		sound = at;
		if (at)
			*at = remaps ? BY_MREMAP : BY_MMAP;
	}
	free(sites);
	return sound;
}

static struct active map_of(struct heap *heap, int pid, const struct heap_mapping *map,
                            uint64_t call)
{
	bool own = strcmp(map->origin, "app") == 0;
	const char *name = call == BY_MREMAP ? "mmap(mremap)" : own ? "mmap" : "mmap(syscall)";

	return (struct active){ map->address, map->size, strdup(name),
		                own ? caller_of(heap, map->site) : strdup(""), pid };
}

static bool add_maps(struct active_list *active, struct heap *heap, int pid, uint64_t now_ms)
{
	size_t count;
	struct heap_mapping *maps = heap_mappings(heap, now_ms, &count);
	struct table calls = { 0 };
	bool sound = find_calls(heap, &calls);
	const uint64_t *call;
	struct active map;

	for (size_t i = 0; sound && i < count; i++) {
		call = maps[i].site ? table_find(&calls, maps[i].site) : NULL;
		if (!call)
			continue;
		map = map_of(heap, pid, &maps[i], *call);
		sound = active_add(&active->maps, &map);
	}
	table_deinit(&calls);
	free(maps);
	return sound;
}

/* pid: as its lines have it. */
static void take_process(struct active_list *active, struct trace *trace, struct recorded *one,
                         int pid, struct options *options)
{
	const struct analysis_options analysis = { .depth = options->depth,
		                                   .raw_stacks = options->raw_stacks,
		                                   .debug_dir = options->debug_dir };
	struct heap *heap = trace_heap(trace, one->process->track, &analysis, &one->moment);

	if (!heap)
		return;
	options->query.now_ms = (one->moment.now_ns - heap_program(heap)->began_ns) / 1000000;
	if (!add_blocks(active, heap, pid, &options->query) ||
	    !add_maps(active, heap, pid, options->query.now_ms))
		die(EXIT_OURS, "cannot list what is live: no memory");
	heap_free(heap);
}

static bool read_recording(struct active_list *active, const char *path, struct options *options)
{
	struct trace *trace = recorded_open(path);
	uint64_t at_ms = 0;
	bool has_at = recorded_at(options, &at_ms), whole;
	size_t count;
	struct recorded *list = recorded_find(trace, path, has_at, at_ms, &count);

	options->query.match = options->match;
	options->query.hide = options->hide;
	for (size_t i = 0; i < count; i++)
		take_process(active, trace, &list[i], count > 1 ? list[i].process->pid : 0,
		             options);
	whole = recorded_tell_damage(trace, path);
	free(list);
	trace_free(trace);
	return whole;
}

/* ---- a log ----------------------------------------------------------------------------------- */

static void read_log(struct active_list *active, FILE *from, const char *path)
{
	size_t understood;

	if (!active_read(active, from, &understood))
		die(EXIT_OURS, "cannot read %s:", path);
	if (!understood)
		die(EXIT_OURS, "cannot read %s: is no recording, and no line of it is one of mtrace's; "
		    "--record FILE and -o mtrace:FILE make them", path);
}

/* ---- both ------------------------------------------------------------------------------------ */

struct active_report { /* in the place of a struct report */
	struct report report;
	struct active_list *active;
};

static void write_list(FILE *out, const struct report *report)
{
	active_put(((const struct active_report *)report)->active, out);
}

static const struct output output = { "mtrace", ".txt", write_list, NULL, false };

static bool is_log(FILE *from)
{
	int first = getc(from);

	ungetc(first, from); /* it may be a pipe */
	return first != EOF && first < 0x80;
}

int active_main(int argc, char **argv, struct title title)
{
	struct active_list active = { .blocks = { .count = 0 } };
	struct active_report report = { .report = { .reason = "active" }, .active = &active };
	struct options options;
	const char *path;
	bool whole = true;
	FILE *from;

	(void)argc, (void)title;
	options_parse_files(&options, argv, "text:-", &path, 1, "lines of text, as -o out.txt");
	from = fopen(path, "re");
	if (from && is_log(from))
		read_log(&active, from, path);
	else
		whole = read_recording(&active, path, &options);
	if (from)
		fclose(from);
	if (!active_sort(&active))
		die(EXIT_OURS, "cannot list what is live: no memory");
	for (unsigned i = 0; i < options.dest_count; i++) {
		options.dests[i].output = &output;
		whole &= dest_write(&options.dests[i], &report.report, 0) == 0;
	}
	active_deinit(&active);
	return whole ? 0 : EXIT_OURS;
}
