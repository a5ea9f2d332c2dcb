/* top, sites, site and diff for people. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "figures.h"
#include "figures_json.h"
#include "text.h"
#include "units.h"
#include "utf8.h"

enum { LINES = 20, CHANGE = 24 };

static const struct text_style plain = { "", "", "", "", "" };

static size_t shown_of(const struct report *report, size_t count, size_t most)
{
	size_t top = report->top ? report->top : most;

	return count < top ? count : top;
}

/* The innermost frame: what it is called, and where it is. */
static void put_place(FILE *out, struct heap *heap, uint32_t site)
{
	size_t depth;
	const struct heap_frame *stack = heap_stack(heap, site, &depth);
	char name[UTF8_FIT(TEXT_NAME)];

	if (!depth) {
		fputs("?\n", out);
		return;
	}
	text_frame_name(name, stack, TEXT_NAME);
	fputs(name, out);
	if (stack->file && stack->line)
		fprintf(out, " %s:%d", text_short_path(stack->file), stack->line);
	putc('\n', out);
}

/* ---- top ----------------------------------------------------------------------------------- */

void figures_top(FILE *out, const struct figures *figures)
{
	struct text_sites sites;

	if (figures->json) {
		figures_json_sites(out, figures);
		return;
	}
	text_sites_find(&sites, figures->report);
	text_sites_put(out, figures->report, &sites, &plain);
	if (!sites.shown)
		fputs("nothing is live\n", out);
	free(sites.list);
}

void figures_groups(FILE *out, const struct figures *figures, enum heap_group_by by)
{
	struct heap_group *list;
	size_t count, shown;

	if (figures->json) {
		figures_json_groups(out, figures, by);
		return;
	}
	list = heap_groups(figures->report->heap, by, &count);
	shown = shown_of(figures->report, count, LINES);
	fprintf(out, "%12s %12s %12s %12s  %s\n", "live bytes", "live blocks", "allocs", "bytes",
	        by == HEAP_BY_LIBRARY ? "library" : "function");
	for (size_t i = 0; i < shown; i++)
		fprintf(out, "%12s %12s %12s %12s  %s\n", in_bytes(list[i].live_bytes),
		        in_digits(list[i].live_blocks), in_digits(list[i].allocs),
		        in_bytes(list[i].bytes), list[i].name ? list[i].name : "?");
	free(list);
}

/* ---- sites --------------------------------------------------------------------------------- */

void figures_sites(FILE *out, const struct figures *figures)
{
	const struct report *report = figures->report;
	struct heap_site *list;
	size_t count, shown;

	if (figures->json) {
		figures_json_sites(out, figures);
		return;
	}
	list = heap_sites(report->heap, &report->query, &count);
	shown = shown_of(report, count, count);
	fprintf(out, "%6s %12s %12s %12s  %s\n", "site", "live bytes", "live blocks", "allocs",
	        "function, place");
	for (size_t i = 0; i < shown; i++) {
		fprintf(out, "%6" PRIu32 " %12" PRIu64 " %12" PRIu64 " %12" PRIu64 "  %s, ",
		        list[i].id, list[i].live_bytes, list[i].live_blocks, list[i].allocs,
		        list[i].function);
		put_place(out, report->heap, list[i].id);
	}
	free(list);
}

/* ---- one site ------------------------------------------------------------------------------ */

/* Short times count here. */
static const char *in_ns(char out[CHANGE], uint64_t ns)
{
	if (ns < 1000)
		snprintf(out, CHANGE, "%" PRIu64 " ns", ns);
	else if (ns < 1000000)
		snprintf(out, CHANGE, "%.1f us", (double)ns / 1e3);
	else if (ns < 1000000000)
		snprintf(out, CHANGE, "%.1f ms", (double)ns / 1e6);
	else
		snprintf(out, CHANGE, "%.1f s", (double)ns / 1e9);
	return out;
}

#define in_duration(ns) in_ns((char[CHANGE]){ 0 }, ns)

static void put_lifetimes(FILE *out, const struct heap_lifetimes *lifetimes)
{
	if (!lifetimes->count)
		return;
	fprintf(out, "  freed after %s at least, %s on average, %s at most\n",
	        in_duration(lifetimes->min_ns), in_duration(lifetimes->mean_ns),
	        in_duration(lifetimes->max_ns));
	for (unsigned i = 0; i < HEAP_LIFETIMES; i++)
		if (lifetimes->counts[i])
			fprintf(out, "    below %10s: %s\n", in_duration(1000ull << i),
			        in_count(lifetimes->counts[i], "block"));
}

static void put_threads(FILE *out, const struct heap *heap, uint32_t site, int tid)
{
	size_t count;
	struct heap_thread_site *list = heap_thread_sites(heap, site, tid, &count);

	for (size_t i = 0; i < count; i++)
		fprintf(out, "  thread %d: total %" PRIu64 " in %s, last change %+" PRId64
		        " after %s, %s\n", list[i].tid, list[i].live_bytes,
		        in_count(list[i].live_blocks, "block"), list[i].delta,
		        in_time(list[i].last_ms), in_count(list[i].allocs, "allocation"));
	free(list);
}

static void put_site(FILE *out, struct heap *heap, const struct heap_site *site, int tid)
{
	struct heap_site_counters counters = heap_site_counters(heap, site->id);

	fprintf(out, "site %" PRIu32 ", %s: total %" PRIu64 " in %s, at most %" PRIu64 "\n", site->id,
	        site->function, site->live_bytes, in_count(site->live_blocks, "block"),
	        site->peak_bytes);
	fprintf(out, "  %s of %" PRIu64 " bytes, %s, %" PRIu64 " temporary; last after %s\n",
	        in_count(site->allocs, "allocation"), counters.bytes,
	        in_count(site->frees, "free"), counters.temporary, in_time(site->last_ms));
	put_lifetimes(out, &counters.lifetimes);
	put_threads(out, heap, site->id, tid);
	text_stack_put(out, heap, site->id, &plain);
}

static bool goes_through(struct heap *heap, uint32_t site, const char *function)
{
	size_t depth;
	const struct heap_frame *stack = heap_stack(heap, site, &depth);

	for (size_t i = 0; i < depth; i++)
		if (stack[i].function && strcmp(stack[i].function, function) == 0)
			return true;
	return false;
}

/* Those that are meant come first; how many. */
static size_t keep(struct heap *heap, struct heap_site *sites, size_t count, const char *what)
{
	char *end;
	unsigned long number = strtoul(what, &end, 10);
	bool by_number = *what && !*end;
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (by_number ? sites[i].id == number : goes_through(heap, sites[i].id, what))
			sites[kept++] = sites[i];
	return kept;
}

static size_t keep_threads(const struct heap *heap, struct heap_site *sites, size_t count, int tid)
{
	size_t kept = 0, threads;

	for (size_t i = 0; i < count; i++) {
		free(heap_thread_sites(heap, sites[i].id, tid, &threads));
		if (threads)
			sites[kept++] = sites[i];
	}
	return kept;
}

bool figures_site(FILE *out, const struct figures *figures, const char *what, int tid)
{
	struct heap *heap = figures->report->heap;
	const struct heap_query all = { 0 };
	size_t count;
	struct heap_site *sites = heap_sites(heap, &all, &count);

	count = keep(heap, sites, count, what);
	if (tid)
		count = keep_threads(heap, sites, count, tid);
	if (figures->json && count)
		figures_json_site(out, figures, sites, count, tid);
	for (size_t i = 0; !figures->json && i < count; i++)
		put_site(out, heap, &sites[i], tid);
	free(sites);
	return count;
}

/* ---- differences --------------------------------------------------------------------------- */

static void put_growth(FILE *out, const struct figures *figures, const struct heap_growth *list,
                       size_t count)
{
	size_t shown = shown_of(figures->report, count, LINES);
	int64_t bytes = 0, blocks = 0;

	for (size_t i = 0; i < count; i++) {
		bytes += list[i].bytes;
		blocks += list[i].blocks;
	}
	fprintf(out, "%+" PRId64 " bytes in %+" PRId64 " blocks, at %s\n", bytes, blocks,
	        in_count(count, "site"));
	if (shown)
		fprintf(out, "%6s %12s %12s %12s %12s  %s\n", "site", "bytes", "blocks", "allocs",
		        "frees", "function, place");
	for (size_t i = 0; i < shown; i++) {
		fprintf(out, "%6" PRIu32 " %+12" PRId64 " %+12" PRId64 " %12" PRIu64 " %12" PRIu64
		        "  %s, ", list[i].site, list[i].bytes, list[i].blocks, list[i].allocs,
		        list[i].frees, list[i].function);
		put_place(out, figures->report->heap, list[i].site);
	}
}

void figures_diff(FILE *out, const struct figures *figures, const char *from, const char *to)
{
	size_t count;
	struct heap_growth *list = heap_diff(figures->report->heap, from, to, &count);

	if (figures->json)
		figures_json_growth(out, figures, list, count);
	else
		put_growth(out, figures, list, count);
	free(list);
}
