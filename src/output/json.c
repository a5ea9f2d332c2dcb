#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cost.h"
#include "figures_json.h"
#include "formats.h"
#include "json.h"
#include "json_errors.h"
#include "json_gen.h"
#include "json_maps.h"

static void put_head(yajl_gen gen, const struct report *report)
{
	size_t args = 0;

	while (report->cmdline && report->cmdline[args])
		args++;
	json_member_number(gen, "alloctrace", 1);
	json_member_string(gen, "reason", report->reason);
	json_member_number(gen, "time_ms", report->time_ms);
	json_member_number(gen, "peak_ms", heap_totals(report->heap)->peak_ms);
	json_member_number(gen, "pid", report->pid);
	json_member_string(gen, "exe", report->exe);
	json_member_strings(gen, "cmdline", report->cmdline, args);
}

static void put_usable(yajl_gen gen, const struct heap *heap)
{
	uint64_t bytes;

	if (heap_usable(heap, &bytes))
		json_member_number(gen, "usable_live_bytes", bytes);
	else
		json_member_null(gen, "usable_live_bytes");
}

static void put_totals(yajl_gen gen, const struct heap *heap)
{
	const struct heap_totals *totals = heap_totals(heap);

	json_member(gen, "totals");
	yajl_gen_map_open(gen);
	json_member_number(gen, "allocs", totals->allocs);
	json_member_number(gen, "frees", totals->frees);
	json_member_number(gen, "bytes_allocated", totals->bytes_allocated);
	json_member_number(gen, "bytes_freed", totals->bytes_freed);
	json_member_number(gen, "live_blocks", totals->live_blocks);
	json_member_number(gen, "live_bytes", totals->live_bytes);
	json_member_number(gen, "peak_live_bytes", totals->peak_live_bytes);
	json_member_number(gen, "inherited_blocks", totals->inherited_blocks);
	json_member_number(gen, "inherited_bytes", totals->inherited_bytes);
	json_member_number(gen, "forgotten_blocks", totals->forgotten_blocks);
	json_member_number(gen, "forgotten_bytes", totals->forgotten_bytes);
	put_usable(gen, heap);
	yajl_gen_map_close(gen);
}

static void put_functions(yajl_gen gen, const struct heap *heap)
{
	const struct heap_function *functions;
	size_t count = heap_functions(heap, &functions);

	json_member(gen, "functions");
	yajl_gen_map_open(gen);
	for (size_t i = 0; i < count; i++) {
		json_string(gen, functions[i].name);
		yajl_gen_map_open(gen);
		json_member_number(gen, "calls", functions[i].calls);
		if (functions[i].kind == HEAP_FREE) {
			json_member_number(gen, "null", functions[i].null);
		} else {
			json_member_number(gen, "failed", functions[i].failed);
			json_member_number(gen, "bytes", functions[i].bytes);
		}
		yajl_gen_map_close(gen);
	}
	yajl_gen_map_close(gen);
}

void json_threads(yajl_gen gen, const struct heap *heap)
{
	uint64_t live, total;

	heap_threads(heap, &live, &total);
	json_member(gen, "threads");
	yajl_gen_map_open(gen);
	json_member_number(gen, "live", live);
	json_member_number(gen, "total", total);
	yajl_gen_map_close(gen);
}

static void put_ledger(yajl_gen gen, const struct heap_ledger *ledger)
{
	json_member(gen, "ledger");
	yajl_gen_map_open(gen);
	json_member_number(gen, "missed_calls", ledger->missed_calls);
	json_member_number(gen, "unknown_frees", ledger->unknown_frees);
	json_member_number(gen, "double_frees", ledger->double_frees);
	json_member_number(gen, "earlier_calls", ledger->earlier_calls);
	json_member_number(gen, "earlier_frees", ledger->earlier_frees);
	json_member(gen, "text_identical");
	if (ledger->text == HEAP_TEXT_UNKNOWN)
		yajl_gen_null(gen);
	else
		yajl_gen_bool(gen, ledger->text == HEAP_TEXT_IDENTICAL);
	json_member(gen, "off");
	yajl_gen_bool(gen, ledger->off);
	json_member_number(gen, "off_times", ledger->off_times);
	json_member_number(gen, "off_ms", ledger->off_ms);
	json_member_number(gen, "loader_frees", ledger->loader_frees);
	json_member_number(gen, "truncated_stacks", ledger->truncated_stacks);
	json_member_number(gen, "stalls", ledger->stalls);
	json_member_strings(gen, "unsymbolised_modules", ledger->unsymbolised_modules,
		       ledger->unsymbolised_module_count);
	json_member_strings(gen, "notes", ledger->notes, ledger->note_count);
	yajl_gen_map_close(gen);
}

static void put_trust(yajl_gen gen, const struct heap_allocator *one)
{
	static const char *const words[] = {
		[HEAP_ON_TRIAL] = "on trial", [HEAP_CONFIRMED] = "confirmed", [HEAP_REFUTED] = "refuted",
	};

	if (one->trust == HEAP_NAMED)
		return;
	json_member_string(gen, "trust", words[one->trust]);
	json_member_number(gen, "fitting_calls", one->fitted);
}

static void put_allocators(yajl_gen gen, const struct report *report)
{
	size_t count;
	struct heap_allocator *list = heap_allocators(report->heap, &count);
	char address[24];

	json_member(gen, "allocators");
	yajl_gen_array_open(gen);
	for (size_t i = 0; i < count; i++) {
		snprintf(address, sizeof(address), "0x%" PRIx64, list[i].address);
		yajl_gen_map_open(gen);
		json_member_string(gen, "module", list[i].module);
		json_member_string(gen, "function", list[i].function);
		json_member_string(gen, "found_by", list[i].table);
		put_trust(gen, &list[i]);
		json_member_string(gen, "address", address);
		json_member_number(gen, "traps", list[i].traps);
		json_member(gen, "one_stop");
		yajl_gen_bool(gen, list[i].traps && !list[i].two_stops);
		json_member_string(gen, "two_stops", list[i].two_stops);
		json_member_number(gen, "calls", list[i].calls);
		json_member(gen, "bound_modules");
		if (list[i].bound_known)
			yajl_gen_integer(gen, (long long)list[i].bound);
		else
			yajl_gen_null(gen);
		yajl_gen_map_close(gen);
	}
	yajl_gen_array_close(gen);
	free(list);
}

static void put_cost(yajl_gen gen, const struct report *report)
{
	struct heap_cost cost = heap_cost(report->heap);
	uint64_t stopped_ns = cost_stopped_ns(report, &cost);

	json_member(gen, "cost");
	if (!cost.watched_ns) { /* known at the end only */
		yajl_gen_null(gen);
		return;
	}
	yajl_gen_map_open(gen);
	json_member_number(gen, "watched_us", cost.watched_ns / 1000);
	json_member_number(gen, "stops", cost.stops);
	json_member_number(gen, "tracer_us", cost.tracer_ns / 1000);
	if (stopped_ns)
		json_member_number(gen, "stopped_us", stopped_ns / 1000);
	else
		json_member_null(gen, "stopped_us");
	yajl_gen_map_close(gen);
}

static void put_suppressions(yajl_gen gen, const struct report *report)
{
	json_member(gen, "suppressions");
	yajl_gen_array_open(gen);
	for (size_t i = 0; i < report->suppressed_count; i++) {
		const struct suppressed *one = &report->suppressed[i];

		yajl_gen_map_open(gen);
		json_member_string(gen, "name", one->name);
		json_member_string(gen, "file", one->file);
		if (one->file)
			json_member_number(gen, "line", one->line);
		else
			json_member_null(gen, "line");
		json_member_number(gen, "blocks", one->blocks);
		json_member_number(gen, "bytes", one->bytes);
		yajl_gen_map_close(gen);
	}
	yajl_gen_array_close(gen);
}

static void put_frame(yajl_gen gen, const struct heap_frame *frame)
{
	char address[24];

	snprintf(address, sizeof(address), "0x%" PRIx64, frame->address);
	yajl_gen_map_open(gen);
	json_member_string(gen, "address", address);
	json_member_string(gen, "module", frame->module);
	json_member_string(gen, "build_id", frame->build_id);
	json_member_string(gen, "function", frame->function);
	json_member_number(gen, "offset", frame->offset);
	json_member_string(gen, "file", frame->file);
	if (frame->line > 0)
		json_member_number(gen, "line", frame->line);
	else
		json_member_null(gen, "line");
	json_member(gen, "inlined");
	yajl_gen_bool(gen, frame->inlined);
	yajl_gen_map_close(gen);
}

void json_stack(yajl_gen gen, struct heap *heap, uint32_t site)
{
	json_member(gen, "stack");
	json_frames(gen, heap, site);
}

void json_frames(yajl_gen gen, struct heap *heap, uint32_t site)
{
	size_t count;
	const struct heap_frame *stack = heap_stack(heap, site, &count);

	yajl_gen_array_open(gen);
	for (size_t i = 0; i < count; i++)
		put_frame(gen, &stack[i]);
	yajl_gen_array_close(gen);
}

void json_site(yajl_gen gen, struct heap *heap, const struct heap_site *site)
{
	json_member_number(gen, "id", site->id);
	json_member_string(gen, "function", site->function);
	json_member_number(gen, "live_blocks", site->live_blocks);
	json_member_number(gen, "live_bytes", site->live_bytes);
	json_member_number(gen, "allocs", site->allocs);
	json_member_number(gen, "frees", site->frees);
	json_member_number(gen, "peak_bytes", site->peak_bytes);
	json_member_number(gen, "at_peak_blocks", site->at_peak_blocks);
	json_member_number(gen, "at_peak_bytes", site->at_peak_bytes);
	json_member_number(gen, "first_ms", site->first_ms);
	json_member_number(gen, "last_ms", site->last_ms);
	figures_json_site_counters(gen, heap, site->id);
}

static void put_sites(yajl_gen gen, struct heap *heap, const struct heap_site *sites, size_t count)
{
	json_member(gen, "sites");
	yajl_gen_array_open(gen);
	for (size_t i = 0; i < count; i++) {
		yajl_gen_map_open(gen);
		json_site(gen, heap, &sites[i]);
		json_stack(gen, heap, sites[i].id);
		yajl_gen_map_close(gen);
	}
	yajl_gen_array_close(gen);
}

static void put_blocks(yajl_gen gen, const struct report *report)
{
	size_t count;
	struct heap_block *blocks = heap_blocks(report->heap, &report->query, &count);
	char address[24];

	json_member(gen, "blocks");
	yajl_gen_array_open(gen);
	for (size_t i = 0; i < count; i++) {
		snprintf(address, sizeof(address), "0x%" PRIx64, blocks[i].address);
		yajl_gen_map_open(gen);
		json_member_string(gen, "address", address);
		json_member_number(gen, "size", blocks[i].size);
		json_member_number(gen, "site", blocks[i].site);
		json_member_number(gen, "tid", blocks[i].tid);
		json_member_number(gen, "age_ms", blocks[i].age_ms);
		yajl_gen_map_close(gen);
	}
	yajl_gen_array_close(gen);
	free(blocks);
}

void json_write(FILE *out, const struct report *report)
{
	yajl_gen gen = json_begin(out, report->one_line);
	struct heap_site *sites;
	size_t count, depth;

	if (!gen)
		return;
	sites = heap_sites(report->heap, &report->query, &count);
	if (report->top && count > report->top)
		count = report->top;
	/* The ledger, which comes first, learns from the stacks. */
	for (size_t i = 0; i < count; i++)
		heap_stack(report->heap, sites[i].id, &depth);

	put_head(gen, report);
	put_totals(gen, report->heap);
	put_functions(gen, report->heap);
	json_maps(gen, report->heap);
	json_threads(gen, report->heap);
	json_member(gen, "counters");
	figures_json_counters(gen, report->heap);
	if (!report->top) { /* all names are known anyway */
		figures_json_by_group(gen, "by_library", report->heap, HEAP_BY_LIBRARY);
		figures_json_by_group(gen, "by_function", report->heap, HEAP_BY_FUNCTION);
	}
	put_ledger(gen, heap_ledger(report->heap));
	json_errors(gen, report->heap);
	put_allocators(gen, report);
	put_cost(gen, report);
	put_suppressions(gen, report);
	put_sites(gen, report->heap, sites, count);
	if (report->blocks) {
		put_blocks(gen, report);
		json_mappings(gen, report);
	}
	json_end(gen, out, report->one_line);
	free(sites);
}
