#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_gen.h>

#include "cost.h"
#include "formats.h"
#include "utf8.h"

static void print(void *out, const char *text, size_t len)
{
	fwrite(text, 1, len, out);
}

static void put_string(yajl_gen gen, const char *s)
{
	char *clean = s ? utf8_clean(s) : NULL;

	if (clean)
		yajl_gen_string(gen, (const unsigned char *)clean, strlen(clean));
	else
		yajl_gen_null(gen);
	if (clean != s)
		free(clean);
}

static void member(yajl_gen gen, const char *key)
{
	yajl_gen_string(gen, (const unsigned char *)key, strlen(key));
}

static void member_string(yajl_gen gen, const char *key, const char *value)
{
	member(gen, key);
	put_string(gen, value);
}

/* yajl's integers are signed. */
static void member_number(yajl_gen gen, const char *key, uint64_t value)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, value);

	member(gen, key);
	yajl_gen_number(gen, digits, len);
}

static void member_null(yajl_gen gen, const char *key)
{
	member(gen, key);
	yajl_gen_null(gen);
}

static void member_strings(yajl_gen gen, const char *key, const char *const *strings, size_t count)
{
	member(gen, key);
	yajl_gen_array_open(gen);
	for (size_t i = 0; i < count; i++)
		put_string(gen, strings[i]);
	yajl_gen_array_close(gen);
}

static void put_head(yajl_gen gen, const struct report *report)
{
	size_t args = 0;

	while (report->cmdline && report->cmdline[args])
		args++;
	member_number(gen, "alloctrace", 1);
	member_string(gen, "reason", report->reason);
	member_number(gen, "time_ms", report->time_ms);
	member_number(gen, "peak_ms", heap_totals(report->heap)->peak_ms);
	member_number(gen, "pid", report->pid);
	member_string(gen, "exe", report->exe);
	member_strings(gen, "cmdline", report->cmdline, args);
}

static void put_totals(yajl_gen gen, const struct heap_totals *totals)
{
	member(gen, "totals");
	yajl_gen_map_open(gen);
	member_number(gen, "allocs", totals->allocs);
	member_number(gen, "frees", totals->frees);
	member_number(gen, "bytes_allocated", totals->bytes_allocated);
	member_number(gen, "bytes_freed", totals->bytes_freed);
	member_number(gen, "live_blocks", totals->live_blocks);
	member_number(gen, "live_bytes", totals->live_bytes);
	member_number(gen, "peak_live_bytes", totals->peak_live_bytes);
	member_number(gen, "inherited_blocks", totals->inherited_blocks);
	member_number(gen, "inherited_bytes", totals->inherited_bytes);
	member_null(gen, "usable_live_bytes");
	yajl_gen_map_close(gen);
}

static void put_functions(yajl_gen gen, const struct heap *heap)
{
	const struct heap_function *functions;
	size_t count = heap_functions(heap, &functions);

	member(gen, "functions");
	yajl_gen_map_open(gen);
	for (size_t i = 0; i < count; i++) {
		put_string(gen, functions[i].name);
		yajl_gen_map_open(gen);
		member_number(gen, "calls", functions[i].calls);
		if (functions[i].kind == HEAP_FREE) {
			member_number(gen, "null", functions[i].null);
		} else {
			member_number(gen, "failed", functions[i].failed);
			member_number(gen, "bytes", functions[i].bytes);
		}
		yajl_gen_map_close(gen);
	}
	yajl_gen_map_close(gen);
}

static void put_threads(yajl_gen gen, const struct heap *heap)
{
	uint64_t live, total;

	heap_threads(heap, &live, &total);
	member(gen, "threads");
	yajl_gen_map_open(gen);
	member_number(gen, "live", live);
	member_number(gen, "total", total);
	yajl_gen_map_close(gen);
}

static void put_ledger(yajl_gen gen, const struct heap_ledger *ledger)
{
	member(gen, "ledger");
	yajl_gen_map_open(gen);
	member_number(gen, "missed_calls", ledger->missed_calls);
	member_number(gen, "unknown_frees", ledger->unknown_frees);
	member_number(gen, "double_frees", ledger->double_frees);
	member_number(gen, "earlier_calls", ledger->earlier_calls);
	member_number(gen, "earlier_frees", ledger->earlier_frees);
	member(gen, "text_identical");
	if (ledger->text == HEAP_TEXT_UNKNOWN)
		yajl_gen_null(gen);
	else
		yajl_gen_bool(gen, ledger->text == HEAP_TEXT_IDENTICAL);
	member_number(gen, "loader_frees", ledger->loader_frees);
	member_number(gen, "truncated_stacks", ledger->truncated_stacks);
	member_number(gen, "stalls", ledger->stalls);
	member_strings(gen, "unsymbolised_modules", ledger->unsymbolised_modules,
		       ledger->unsymbolised_module_count);
	member_strings(gen, "notes", ledger->notes, ledger->note_count);
	yajl_gen_map_close(gen);
}

static void put_allocators(yajl_gen gen, const struct report *report)
{
	size_t count;
	struct heap_allocator *list = heap_allocators(report->heap, &count);
	char address[24];

	member(gen, "allocators");
	yajl_gen_array_open(gen);
	for (size_t i = 0; i < count; i++) {
		snprintf(address, sizeof(address), "0x%" PRIx64, list[i].address);
		yajl_gen_map_open(gen);
		member_string(gen, "module", list[i].module);
		member_string(gen, "function", list[i].function);
		member_string(gen, "found_by", list[i].table);
		member_string(gen, "address", address);
		member_number(gen, "traps", list[i].traps);
		member_number(gen, "calls", list[i].calls);
		yajl_gen_map_close(gen);
	}
	yajl_gen_array_close(gen);
	free(list);
}

static void put_cost(yajl_gen gen, const struct report *report)
{
	struct heap_cost cost = heap_cost(report->heap);
	uint64_t stopped_ns = cost_stopped_ns(report, &cost);

	member(gen, "cost");
	if (!cost.watched_ns) { /* known at the end only */
		yajl_gen_null(gen);
		return;
	}
	yajl_gen_map_open(gen);
	member_number(gen, "watched_us", cost.watched_ns / 1000);
	member_number(gen, "stops", cost.stops);
	member_number(gen, "tracer_us", cost.tracer_ns / 1000);
	if (stopped_ns)
		member_number(gen, "stopped_us", stopped_ns / 1000);
	else
		member_null(gen, "stopped_us");
	yajl_gen_map_close(gen);
}

static void put_suppressions(yajl_gen gen, const struct report *report)
{
	member(gen, "suppressions");
	yajl_gen_array_open(gen);
	for (size_t i = 0; i < report->suppressed_count; i++) {
		const struct suppressed *one = &report->suppressed[i];

		yajl_gen_map_open(gen);
		member_string(gen, "name", one->name);
		member_string(gen, "file", one->file);
		if (one->file)
			member_number(gen, "line", one->line);
		else
			member_null(gen, "line");
		member_number(gen, "blocks", one->blocks);
		member_number(gen, "bytes", one->bytes);
		yajl_gen_map_close(gen);
	}
	yajl_gen_array_close(gen);
}

static void put_frame(yajl_gen gen, const struct heap_frame *frame)
{
	char address[24];

	snprintf(address, sizeof(address), "0x%" PRIx64, frame->address);
	yajl_gen_map_open(gen);
	member_string(gen, "address", address);
	member_string(gen, "module", frame->module);
	member_string(gen, "build_id", frame->build_id);
	member_string(gen, "function", frame->function);
	member_number(gen, "offset", frame->offset);
	member_string(gen, "file", frame->file);
	if (frame->line > 0)
		member_number(gen, "line", frame->line);
	else
		member_null(gen, "line");
	member(gen, "inlined");
	yajl_gen_bool(gen, frame->inlined);
	yajl_gen_map_close(gen);
}

static void put_site(yajl_gen gen, struct heap *heap, const struct heap_site *site)
{
	size_t count;
	const struct heap_frame *stack = heap_stack(heap, site->id, &count);

	yajl_gen_map_open(gen);
	member_number(gen, "id", site->id);
	member_string(gen, "function", site->function);
	member_number(gen, "live_blocks", site->live_blocks);
	member_number(gen, "live_bytes", site->live_bytes);
	member_number(gen, "allocs", site->allocs);
	member_number(gen, "frees", site->frees);
	member_number(gen, "peak_bytes", site->peak_bytes);
	member_number(gen, "at_peak_blocks", site->at_peak_blocks);
	member_number(gen, "at_peak_bytes", site->at_peak_bytes);
	member_number(gen, "first_ms", site->first_ms);
	member_number(gen, "last_ms", site->last_ms);
	member(gen, "stack");
	yajl_gen_array_open(gen);
	for (size_t i = 0; i < count; i++)
		put_frame(gen, &stack[i]);
	yajl_gen_array_close(gen);
	yajl_gen_map_close(gen);
}

static void put_sites(yajl_gen gen, struct heap *heap, const struct heap_site *sites, size_t count)
{
	member(gen, "sites");
	yajl_gen_array_open(gen);
	for (size_t i = 0; i < count; i++)
		put_site(gen, heap, &sites[i]);
	yajl_gen_array_close(gen);
}

static void put_blocks(yajl_gen gen, const struct report *report)
{
	size_t count;
	struct heap_block *blocks = heap_blocks(report->heap, &report->query, &count);
	char address[24];

	member(gen, "blocks");
	yajl_gen_array_open(gen);
	for (size_t i = 0; i < count; i++) {
		snprintf(address, sizeof(address), "0x%" PRIx64, blocks[i].address);
		yajl_gen_map_open(gen);
		member_string(gen, "address", address);
		member_number(gen, "size", blocks[i].size);
		member_number(gen, "site", blocks[i].site);
		member_number(gen, "tid", blocks[i].tid);
		member_number(gen, "age_ms", blocks[i].age_ms);
		yajl_gen_map_close(gen);
	}
	yajl_gen_array_close(gen);
	free(blocks);
}

void json_write(FILE *out, const struct report *report)
{
	yajl_gen gen = yajl_gen_alloc(NULL);
	struct heap_site *sites;
	size_t count, depth;

	if (!gen)
		return;
	yajl_gen_config(gen, yajl_gen_print_callback, print, out);
	yajl_gen_config(gen, yajl_gen_beautify, !report->one_line);
	yajl_gen_config(gen, yajl_gen_indent_string, "  ");

	sites = heap_sites(report->heap, &report->query, &count);
	if (report->top && count > report->top)
		count = report->top;
	/* The ledger, which comes first, learns from the stacks. */
	for (size_t i = 0; i < count; i++)
		heap_stack(report->heap, sites[i].id, &depth);

	yajl_gen_map_open(gen);
	put_head(gen, report);
	put_totals(gen, heap_totals(report->heap));
	put_functions(gen, report->heap);
	member_null(gen, "maps");
	put_threads(gen, report->heap);
	put_ledger(gen, heap_ledger(report->heap));
	put_allocators(gen, report);
	put_cost(gen, report);
	put_suppressions(gen, report);
	put_sites(gen, report->heap, sites, count);
	if (report->blocks)
		put_blocks(gen, report);
	yajl_gen_map_close(gen);
	if (report->one_line)
		fputc('\n', out);
	yajl_gen_free(gen);
	free(sites);
}
