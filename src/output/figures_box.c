/* The box that malloc-stat draws: scripts read it, so every byte is as there. */
#include <inttypes.h>

#include "figures.h"
#include "formats.h"

#define RULE "+==========================================================================+\n"

/* Where the usable bytes are not known, those requested stand for them. */
static uint64_t bytes_of(const struct heap_counters *counters, const struct heap_sum *sum)
{
	return counters->usable_known ? sum->usable : sum->bytes;
}

void figures_box(FILE *out, struct heap *heap, const char *caption)
{
	const struct heap_counters *c = heap_counters(heap);

	fprintf(out, "%s:\n" RULE, caption);
	fprintf(out, "| allocs  : %-14" PRIu64 "| deallocs: %-14" PRIu64 "| inuse: %-14" PRIu64 "|\n",
	        c->allocated.count, c->freed.count + c->freed_earlier.count,
	        bytes_of(c, &c->live));
	fprintf(out, "| AL bytes: %-14" PRIu64 "| DE bytes: %-14" PRIu64 "| peak : %-14" PRIu64 "|\n",
	        bytes_of(c, &c->allocated),
	        bytes_of(c, &c->freed) + bytes_of(c, &c->freed_earlier), bytes_of(c, &c->peak));
	fputs(RULE, out);
}

void box_write(FILE *out, const struct report *report)
{
	figures_box(out, report->heap, report->exe ? report->exe : "?");
}
