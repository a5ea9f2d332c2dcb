/* What is told in one line each: who held the peak, and single blocks. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"
#include "units.h"
#include "utf8.h"

enum { BLOCKS = 20, HOLDERS = 3, HOLDER = 32 };

static bool is_wrapper(const struct heap_frame *frame)
{
	return frame->function &&
	       (strcasestr(frame->function, "alloc") || strstr(frame->function, "strdup"));
}

/* In one line: the innermost frame that is no allocator of the program's own (xmalloc),
 * or just the innermost. */
static void holder_name(char *out, const struct heap_frame *stack, size_t depth)
{
	size_t i = 0;

	*out = '\0';
	while (i < depth && is_wrapper(&stack[i]))
		i++;
	if (depth)
		text_frame_name(out, &stack[i < depth ? i : 0], HOLDER);
}

static void put_place_in_list(FILE *out, const struct text_sites *sites, uint32_t id)
{
	for (size_t i = 0; i < sites->shown; i++)
		if (sites->list[i].id == id)
			fprintf(out, " (site %zu)", i + 1);
}

static void put_holder(FILE *out, const struct report *report, const struct heap_site *site,
                       const struct text_sites *sites, const struct text_style *style)
{
	char function[UTF8_FIT(HOLDER)], name[UTF8_FIT(HOLDER)];
	size_t depth;
	const struct heap_frame *stack = heap_stack(report->heap, site->id, &depth);

	holder_name(name, stack, depth);
	fprintf(out, "    %10s in %s, by %s%s%s%s%s", in_bytes(site->at_peak_bytes),
	        in_count(site->at_peak_blocks, "block"),
	        utf8_fit(function, site->function, HOLDER, HOLDER / 2), depth ? " in " : "",
	        style->bold, name, style->plain);
	put_place_in_list(out, sites, site->id);
	fputc('\n', out);
}

/* Only where it is another picture than the one at the report. */
void text_peak_put(FILE *out, const struct report *report, const struct text_sites *shown,
                   const struct text_style *style)
{
	const struct heap_totals *totals = heap_totals(report->heap);
	struct heap_query query = report->query;
	struct heap_site *sites;
	size_t count;

	if (query.sort == HEAP_BY_PEAK || totals->peak_live_bytes <= totals->live_bytes)
		return;
	query.sort = HEAP_BY_PEAK;
	sites = heap_sites(report->heap, &query, &count);
	if (count && sites->at_peak_blocks)
		fprintf(out, "\n  At the peak of %s, after %s, most was held by:\n",
		        in_bytes(totals->peak_live_bytes), in_time(totals->peak_ms));
	for (size_t i = 0; i < count && i < HOLDERS && sites[i].at_peak_blocks; i++)
		put_holder(out, report, &sites[i], shown, style);
	free(sites);
}

static void put_block(FILE *out, struct heap *heap, const struct heap_block *block)
{
	char name[UTF8_FIT(HOLDER)];
	size_t depth;
	const struct heap_frame *stack = heap_stack(heap, block->site, &depth);

	holder_name(name, stack, depth);
	fprintf(out, "  0x%012" PRIx64 "  %12s  %12s  %8d  %s\n", block->address,
	        in_digits(block->size), in_time(block->age_ms), block->tid, name);
}

void text_blocks_put(FILE *out, const struct report *report)
{
	size_t count, shown = report->top ? report->top : BLOCKS;
	struct heap_block *blocks = heap_blocks(report->heap, &report->query, &count);

	if (shown > count)
		shown = count;
	fprintf(out, "\n  Largest blocks (%s of %s):\n", in_digits(shown), in_digits(count));
	if (shown)
		fprintf(out, "  %14s  %12s  %12s  %8s  %s\n", "address", "bytes", "age", "thread",
		        "allocated in");
	for (size_t i = 0; i < shown; i++)
		put_block(out, report->heap, &blocks[i]);
	free(blocks);
}
