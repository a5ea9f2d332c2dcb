#include "pause.h"

#include <stdio.h>

#include "account.h"
#include "marks.h"
#include "outbox.h"
#include "thread_sites.h"

#define SENTENCE 256

/* ---- what is told ------------------------------------------------------------------------ */

/* Both are NULL where there is nothing to tell. */
static const char *of_now(const struct heap *heap, char text[SENTENCE])
{
	if (!heap->ledger.off)
		return NULL;
	snprintf(text, SENTENCE, "switched off after %.3f s: of what was called since nothing is known",
	         (double)(heap->off_since_ns - heap->program.began_ns) / 1e9);
	return text;
}

static const char *of_before(const struct heap *heap, char text[SENTENCE])
{
	const struct heap_totals *totals = &heap->totals;

	if (!heap->ledger.off_times)
		return NULL;
	snprintf(text, SENTENCE, "switched off for %.3f s in all, times: %llu; of what was called "
	         "meanwhile nothing is known, nor what became of %llu block%s (%llu bytes) that "
	         "lived before", (double)heap->ledger.off_ms / 1e3,
	         (unsigned long long)heap->ledger.off_times,
	         (unsigned long long)totals->forgotten_blocks,
	         totals->forgotten_blocks == 1 ? "" : "s",
	         (unsigned long long)totals->forgotten_bytes);
	return text;
}

/* ---- what is forgotten ------------------------------------------------------------------- */

static void forget_site(struct heap *heap, struct site *site)
{
	account_site_changes(heap, site);
	site->forgotten_blocks += site->view.live_blocks;
	site->forgotten += site->view.live_bytes;
	site->view.live_blocks = site->view.live_bytes = 0;
}

static void forget_calls(struct view *view)
{
	view->in_realloc = view->had_old = false;
	view->counters.sites = 0;
	view->counters.last_block = view->counters.odd_block = 0;
	view->counters.mapped_end = 0;
}

static void forget_blocks(struct heap *heap)
{
	struct heap_totals *totals = &heap->totals;
	struct table_slot *slot;

	for (size_t i = 0; i < heap->sites.count; i++)
		forget_site(heap, &heap->sites.sites[i]);
	for (size_t at = 0; (slot = table_next(&heap->views, &at));)
		if (slot->value)
			forget_calls((struct view *)(uintptr_t)slot->value);
	totals->forgotten_blocks += totals->live_blocks;
	totals->forgotten_bytes += totals->live_bytes;
	totals->live_blocks = totals->live_bytes = 0;
	live_clear(&heap->live);
	table_clear(&heap->refs);
	heap->usable.known = false;
}

/* A mark tells what was held then, which cannot be compared with what is known now. */
static void forget_figures(struct heap *heap)
{
	struct counters *counters = &heap->counters;

	thread_sites_clear(&counters->thread_sites);
	table_clear(&counters->odd);
	marks_clear(counters);
	counters_begin_anew(heap);
}

/* ---- from when to when ------------------------------------------------------------------- */

void pause_begins(struct heap *heap)
{
	char text[SENTENCE];

	heap->ledger.off = true;
	heap->off_since_ns = heap->now_ns;
	note_change(heap, NULL, of_now(heap, text));
}

void pause_ends(struct heap *heap)
{
	char was[SENTENCE], now[SENTENCE];
	struct heap_ledger *ledger = &heap->ledger;
	const char *before;

	note_change(heap, of_now(heap, was), NULL);
	before = of_before(heap, was);
	forget_blocks(heap);
	forget_figures(heap);
	heap->attached = true;
	heap->errors.call_lost = false; /* what it gave is of before */
	ledger->off = false;
	ledger->off_times++;
	ledger->off_ms += (heap->now_ns - heap->off_since_ns) / 1000000;
	note_change(heap, before, of_before(heap, now));
}

static void drop_notes(struct heap *heap, const struct heap *of)
{
	char text[SENTENCE];

	note_change(heap, of_now(of, text), NULL);
	note_change(heap, of_before(of, text), NULL);
}

void pause_is_over(struct heap *heap)
{
	drop_notes(heap, heap);
	heap->ledger.off = false;
	heap->ledger.off_times = 0;
}

void pause_fork(struct heap *heap, const struct heap *from)
{
	drop_notes(heap, from);
	if (from->ledger.off)
		pause_begins(heap);
}

/* ---- asked for ---------------------------------------------------------------------------- */

bool heap_is_off(const struct heap *heap)
{
	return heap->ledger.off;
}

bool heap_switch(struct heap *heap, bool on)
{
	return command_add(heap, on ? CMD_ON : CMD_OFF, 0, sizeof(struct record));
}
