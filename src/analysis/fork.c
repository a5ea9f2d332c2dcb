/* The child's memory begins as a copy of its parent's: so do the modules, the live blocks
 * and the stacks they came from. The counters begin anew. */
#include <stdlib.h>
#include <string.h>

#include "account.h"
#include "behaviour.h"
#include "maps.h"
#include "outbox.h"
#include "pause.h"
#include "program.h"
#include "trust.h"
#include "view.h"

static bool copy_functions(struct functions *to, const struct functions *from)
{
	to->list = malloc(from->count * sizeof(*to->list) + 1);
	if (!to->list)
		return false;
	if (from->count)
		memcpy(to->list, from->list, from->count * sizeof(*to->list));
	to->count = from->count;
	for (size_t i = 0; i < to->count; i++)
		to->list[i].calls = 0;
	return true;
}

/* A thread that is in a realloc is so in the child only when it is the one that forked,
 * in a signal handler. */
static bool copy_realloc(struct heap *heap, const struct view *was, const struct record_fork *record,
                         bool forked)
{
	struct view *view = forked ? view_of(heap, record->record.tid) : NULL;
	struct block other;
	bool had_other;

	if (!forked)
		return !was->had_old ||
		       live_add(&heap->live, was->old_addr, &was->old, &other, &had_other);
	if (!view)
		return false;
	view->in_realloc = true;
	view->had_old = was->had_old;
	view->old_addr = was->old_addr;
	view->old = was->old;
	return true;
}

static bool copy_reallocs(struct heap *heap, const struct heap *from,
                          const struct record_fork *record)
{
	struct table_slot *slot;

	for (size_t at = 0; (slot = table_next(&from->views, &at));) {
		const struct view *was = (const struct view *)(uintptr_t)slot->value;

		if (was && was->in_realloc &&
		    !copy_realloc(heap, was, record, (int32_t)slot->key == record->parent))
			return false;
	}
	return true;
}

static void begin_counting(struct heap *heap, const struct heap *from, uint64_t now_ns)
{
	const struct heap_totals *was = &from->totals;

	model_reset_stats(heap);
	heap->totals = (struct heap_totals){ .live_blocks = was->live_blocks,
		                             .live_bytes = was->live_bytes,
		                             .peak_live_bytes = was->live_bytes,
		                             .inherited_blocks = was->live_blocks,
		                             .inherited_bytes = was->live_bytes };
	heap->peaks = 1; /* the first is now: every site holds what it holds */
	heap->ledger.stalls = from->ledger.stalls;
	heap->errors.trap_refused = from->errors.trap_refused;
	heap->errors.call_lost = from->errors.call_lost;
	heap->threads_live = heap->threads_total = 1;
	heap->program.began_ns = heap->now_ns = now_ns;
	heap->attached = from->attached;
	counters_reset(heap);
	pause_fork(heap, from);
}

static bool copy(struct heap *heap, const struct heap *from, const struct record_fork *record)
{
	bool whole = modules_copy(&heap->modules, &from->modules) &&
	             copy_functions(&heap->functions, &from->functions) && trust_copy(heap, from) &&
	             sites_copy(&heap->sites, &from->sites) &&
	             live_copy(&heap->live, &from->live) &&
	             table_copy(&heap->refs, &from->refs) &&
	             program_copy(heap, from, record->record.pid) && maps_copy(heap, from) &&
	             copy_reallocs(heap, from, record);

	regions_copy(&heap->regions, &from->regions);
	for (size_t i = 0; i < from->notes.count; i++)
		note_add(heap, from->notes.list[i]);
	return whole;
}

/* Of the thread that forks. */
static void copy_tag(struct heap *heap, const struct heap *from, const struct record_fork *record)
{
	const uint64_t *slot = table_find(&from->views, record->parent);
	const struct view *was = slot ? (const struct view *)(uintptr_t)*slot : NULL;
	struct view *view = was && was->tag ? view_of(heap, record->record.tid) : NULL;

	if (view)
		view->tag = was->tag;
}

static void tell(struct heap *heap, const struct record_fork *record)
{
	struct heap_event event = account_event(HEAP_EVENT_FORK, &record->record);

	event.parent = record->parent;
	account_apply(heap, &event);
}

struct heap *heap_fork(const struct heap *from, const struct record_fork *record)
{
	struct heap *heap = model_new(&from->options);

	if (!heap)
		return NULL;
	if (!copy(heap, from, record)) {
		heap_free(heap);
		return NULL;
	}
	copy_tag(heap, from, record);
	begin_counting(heap, from, record->record.time_ns);
	unwinder_set_pid(heap->unwinder, record->record.pid);
	heap->image_number = record->record.image;
	behaviour_fork(heap, from);
	tell(heap, record);
	command_add(heap, CMD_GO, record->record.tid, sizeof(struct record));
	return heap;
}
