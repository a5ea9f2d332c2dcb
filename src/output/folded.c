/* Stacks on one line each, outermost first, as flamegraph.pl and speedscope read them:
 * FRAME;FRAME;FRAME WEIGHT. The weight is what the sites are sorted by. */
#include <inttypes.h>
#include <stdlib.h>

#include "formats.h"
#include "frame.h"

static uint64_t weight(const struct heap_site *site, enum heap_sort sort)
{
	switch (sort) {
	case HEAP_BY_BLOCKS:
		return site->live_blocks;
	case HEAP_BY_CALLS:
		return site->allocs;
	case HEAP_BY_PEAK:
		return site->at_peak_bytes;
	default:
		return site->live_bytes;
	}
}

void folded_write(FILE *out, const struct report *report)
{
	size_t count;
	struct heap_site *sites = heap_sites(report->heap, &report->query, &count);

	if (report->top && count > report->top)
		count = report->top;
	for (size_t i = 0; i < count; i++) {
		uint64_t n = weight(&sites[i], report->query.sort);
		char *stack = n ? frame_fold(report->heap, &sites[i]) : NULL;

		if (stack)
			fprintf(out, "%s %" PRIu64 "\n", stack, n);
		free(stack);
	}
	free(sites);
}
