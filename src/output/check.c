/* What a look at a process has shown: its allocators, their calls, the cost of tracing. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cost.h"
#include "formats.h"
#include "shortage.h"
#include "text.h"
#include "units.h"
#include "utf8.h"

#define SECOND UINT64_C(1000000000)
#define SATURATED 0.75 /* of the time: how fast it would be by itself cannot be seen */

static uint64_t a_second(uint64_t count, uint64_t watched_ns)
{
	double rate = watched_ns ? (count * (double)SECOND + watched_ns / 2) / watched_ns : 0;

	return rate < (double)UINT64_MAX ? (uint64_t)rate : UINT64_MAX; /* a recording may say so */
}

static void put_head(FILE *out, const struct report *report)
{
	char name[UTF8_FIT(TEXT_WIDTH)];
	uint64_t live, total;

	heap_threads(report->heap, &live, &total);
	utf8_fit(name, report->exe ? text_short_path(report->exe) : "?", 40, 20);
	fprintf(out, "alloctrace check: %s (pid %d), %s: can be attached to\n", name, report->pid,
		in_count(live, "thread"));
}

/* Of functions that were found by their code; else "". */
static const char *how_sure(const struct heap_allocator *list, size_t count)
{
	bool fitted = false, refuted = false, on_trial = false;

	for (size_t i = 0; i < count; i++) {
		fitted |= list[i].fitted;
		refuted |= list[i].trust == HEAP_REFUTED;
		on_trial |= list[i].trust == HEAP_ON_TRIAL && list[i].calls;
	}
	if (list->trust == HEAP_NAMED)
		return "";
	return refuted  ? ", refuted at work" :
	       !fitted  ? ", not yet seen at work" :
	       on_trial ? ", as expected at work so far" :
	                  ", confirmed at work";
}

static void put_module(FILE *out, const struct heap_allocator *first, size_t some)
{
	char name[UTF8_FIT(TEXT_WIDTH)];

	utf8_fit(name, first->module, TEXT_WIDTH - 30, 30);
	fprintf(out, "\n  %s, by its %s%s\n", name, first->table, how_sure(first, some));
}

static bool is_called_by_name(const struct heap_allocator *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!list[i].bound_known || list[i].bound || list[i].calls)
			return true;
	return false;
}

/* Of several copies only one is called by a name. all: where the first of some is among others. */
static void put_unbound(FILE *out, const struct heap_allocator *all, size_t all_count,
                        const struct heap_allocator *first, size_t some)
{
	char name[UTF8_FIT(TEXT_WIDTH)];

	if (is_called_by_name(first, some))
		return;
	for (size_t i = 0; i < some * all_count; i++) {
		const struct heap_allocator *here = &first[i / all_count], *other = &all[i % all_count];

		if (!other->bound || strcmp(here->function, other->function) != 0)
			continue;
		utf8_fit(name, text_short_path(other->module), TEXT_WIDTH - 50, 20);
		fprintf(out, "    called by none of its names: %s is that of %s\n",
		        here->function, name);
		return;
	}
}

static void put_called(FILE *out, const struct heap_allocator *list, size_t count,
		       uint64_t watched_ns)
{
	for (size_t i = 0; i < count; i++) {
		if (!list[i].calls)
			continue;
		fprintf(out, "    %-24s %12s calls a second, %s\n", list[i].function,
			in_digits(a_second(list[i].calls, watched_ns)),
			list[i].two_stops ? "two stops each:" : "one stop each");
		if (list[i].two_stops)
			fprintf(out, "    %25s%s\n", "", list[i].two_stops);
	}
}

static bool is_idle_like(const struct heap_allocator *one, const struct heap_allocator *other)
{
	return !one->calls && !other->calls && !one->traps == !other->traps &&
	       one->two_stops == other->two_stops;
}

/* The first, and those that like it were not called. */
static void put_idle(FILE *out, const struct heap_allocator *list, size_t count)
{
	const struct heap_allocator *first = list;
	const char *between = "";
	char *line = NULL;
	size_t len;
	FILE *text = open_memstream(&line, &len);

	if (!text)
		return;
	for (; count; list++, count--)
		if (is_idle_like(first, list)) {
			fprintf(text, "%s%s", between, list->function);
			between = ", ";
		}
	if (!first->traps)
		fprintf(text, ": not traced");
	else if (first->two_stops)
		fprintf(text, ": two stops each, as %s", first->two_stops);
	else
		fprintf(text, ": one stop each");
	if (shortage_close(text))
		text_put_wrapped(out, 6, line);
	free(line);
}

/* A line for each reason. */
static void put_all_idle(FILE *out, const struct heap_allocator *list, size_t count)
{
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		bool is_told = list[i].calls;

		for (size_t k = 0; k < i; k++)
			is_told |= is_idle_like(&list[i], &list[k]);
		if (is_told)
			continue;
		if (!any)
			fprintf(out, "    not called meanwhile:\n");
		any = true;
		put_idle(out, list + i, count - i);
	}
}

static void put_allocators(FILE *out, const struct report *report, uint64_t watched_ns)
{
	size_t count, some;
	struct heap_allocator *list = heap_allocators(report->heap, &count);

	if (!count)
		fprintf(out, "\n  No allocator function was found: no call will be seen.\n");
	for (size_t i = 0; i < count; i += some) {
		for (some = 1; i + some < count; some++)
			if (strcmp(list[i].module, list[i + some].module) != 0)
				break;
		put_module(out, &list[i], some);
		put_unbound(out, list, count, &list[i], some);
		put_called(out, &list[i], some, watched_ns);
		put_all_idle(out, &list[i], some);
	}
	free(list);
}

static void put_maps(FILE *out, struct heap *heap)
{
	struct heap_maps maps = heap_maps(heap);

	if (maps.state == HEAP_MAPS_OFF)
		return;
	fprintf(out, "\n  System calls that map: trapped at %s", in_count(maps.places, "place"));
	if (maps.any_places)
		fprintf(out, ", %s of them for any call until it is known", in_digits(maps.any_places));
	fprintf(out, "\n");
}

static void put_factor(FILE *out, double lost)
{
	if (lost > SATURATED)
		fprintf(out, "it allocates as fast as it is let, and will be many times slower");
	else
		fprintf(out, "about %.*f times slower, if one thread does it all",
			lost < 0.2 ? 2 : 1, 1 / (1 - lost));
}

static void put_cost(FILE *out, const struct report *report, const struct heap_cost *cost)
{
	uint64_t stopped_ns = cost_stopped_ns(report, cost);

	fprintf(out, "\n  Watched for %s, while it went on.\n", in_time(cost->watched_ns / 1000000));
	fprintf(out, "  Tracing it takes %s stops a second", in_digits(a_second(cost->stops,
		cost->watched_ns)));
	if (cost->stops && stopped_ns) {
		fprintf(out, " of %.1f us, %s of one thread's time:\n  ",
			(double)stopped_ns / cost->stops / 1000,
			in_share(stopped_ns, cost->watched_ns));
		put_factor(out, (double)stopped_ns / cost->watched_ns);
	}
	fprintf(out, ".\n");
}

static void put_notes(FILE *out, const struct heap_ledger *ledger)
{
	char note[UTF8_FIT(512)];

	for (size_t i = 0; i < ledger->note_count; i++)
		fprintf(out, "  Note: %s.\n", utf8_fit(note, ledger->notes[i], 512, 0));
	if (ledger->stalls)
		fprintf(out, "  The program waited for the analysis %s.\n",
			in_count(ledger->stalls, "time"));
	if (ledger->text == HEAP_TEXT_IDENTICAL)
		fprintf(out, "  Let go: target text verified identical.\n");
}

void check_write(FILE *out, const struct report *report)
{
	struct heap_cost cost = heap_cost(report->heap);

	put_head(out, report);
	put_allocators(out, report, cost.watched_ns);
	put_maps(out, report->heap);
	if (cost.watched_ns)
		put_cost(out, report, &cost);
	put_notes(out, heap_ledger(report->heap));
}
