#include "account.h"

#include "doubt.h"
#include "errors.h"
#include "maps.h"
#include "pause.h"
#include "view.h"

/* What the site held at the last peak is what it holds until it changes. */
void account_site_changes(const struct heap *heap, struct site *site)
{
	if (site->peak == heap->peaks)
		return;
	site->peak = heap->peaks;
	site->view.at_peak_blocks = site->view.live_blocks;
	site->view.at_peak_bytes = site->view.live_bytes;
}

static void note_peak(struct heap *heap)
{
	struct heap_totals *totals = &heap->totals;

	if (totals->live_bytes <= totals->peak_live_bytes)
		return;
	totals->peak_live_bytes = totals->live_bytes;
	totals->peak_ms = model_since_begin_ms(heap);
	heap->peaks++;
}

static void count_freed(struct heap *heap, const struct block *block)
{
	struct site *site = &heap->sites.sites[block->site];

	account_site_changes(heap, site);
	site->view.frees++;
	site->view.live_blocks--;
	site->view.live_bytes -= block->size;
	heap->totals.frees++;
	heap->totals.bytes_freed += block->size;
	heap->totals.live_blocks--;
	heap->totals.live_bytes -= block->size;
}

static void count_allocated(struct heap *heap, const struct block *block)
{
	struct heap_site *site = &heap->sites.sites[block->site].view;
	struct heap_totals *totals = &heap->totals;

	account_site_changes(heap, &heap->sites.sites[block->site]);
	if (!site->allocs++)
		site->first_ms = model_since_begin_ms(heap);
	site->last_ms = model_since_begin_ms(heap);
	site->live_blocks++;
	site->live_bytes += block->size;
	if (site->live_bytes > site->peak_bytes)
		site->peak_bytes = site->live_bytes;
	totals->allocs++;
	totals->bytes_allocated += block->size;
	totals->live_blocks++;
	totals->live_bytes += block->size;
	note_peak(heap);
}

static void allocated(struct heap *heap, struct view *view, struct heap_event *event)
{
	struct block block = { event->size, event->site - 1, event->tid, event->time_ns }, old;

	if (!live_add(&heap->live, event->block, &block, &old, &event->unseen_free)) {
		heap->ledger.missed_calls++;
		return;
	}
	if (event->unseen_free) { /* handed out twice */
		heap->ledger.missed_calls++;
		count_freed(heap, &old);
		counters_freed(heap, view, event->block, &old, false);
	}
	count_allocated(heap, &block);
	counters_allocated(heap, view, event->block, &block);
	heap->sites.sites[block.site].function = event->number + 1;
}

static struct heap_function *stats_of(struct heap *heap, int entry)
{
	return &heap->stats[catalog_counts_as(entry)];
}

static struct function *function_of(const struct heap *heap, const struct heap_event *event)
{
	return event->number < heap->functions.count ? &heap->functions.list[event->number] : NULL;
}

static void count_call(struct heap *heap, const struct heap_event *event)
{
	struct function *function = function_of(heap, event);

	if (function)
		function->calls++;
}

/* ---- what is given back ------------------------------------------------------------------ */

static struct bad_free bad_free_of(const struct heap_event *event, uint32_t site)
{
	return (struct bad_free){ event->tid, event->number, event->entry, event->given, site, 0, NULL };
}

/* An address nobody was seen to allocate: whose fault is it? */
static enum heap_given unknown_free(struct heap *heap, const struct function *by,
                                    struct bad_free *bad)
{
	const struct module *module = module_at(&heap->modules, bad->addr & ~LIVE_BESIDE);
	bool freed = live_freed(&heap->live, bad->addr);

	if (!freed && module && module->is_loader) {
		heap->ledger.loader_frees++;
		return HEAP_GIVEN_LOADER;
	}
	if (!freed && heap->attached) {
		heap->ledger.earlier_frees++;
		return HEAP_GIVEN_EARLIER;
	}
	if (by && doubt_free(heap, by)) {
		heap->ledger.unknown_frees++;
		return HEAP_GIVEN_UNKNOWN;
	}
	if (freed) {
		heap->ledger.double_frees++;
		errors_add(heap, HEAP_DOUBLE_FREE, bad);
		return HEAP_GIVEN_FREED;
	}
	heap->ledger.unknown_frees++;
	bad->around = errors_block_around(heap, bad->addr);
	errors_add(heap, bad->around ? HEAP_MIDDLE_FREE : HEAP_WILD_FREE, bad);
	return bad->around ? HEAP_GIVEN_MIDDLE : HEAP_GIVEN_UNKNOWN;
}

/* was: the block there, or NULL. */
static void given_back(struct heap *heap, struct view *view, struct heap_event *event,
                       const struct block *was, uint32_t site)
{
	struct bad_free bad = bad_free_of(event, site);

	if (!was) {
		event->state = unknown_free(heap, function_of(heap, event), &bad);
		return;
	}
	bad.block = was;
	if (errors_mismatch(heap, was, event->entry, site))
		errors_add(heap, HEAP_MISMATCH, &bad);
	count_freed(heap, was);
	counters_freed_by(heap, event->entry, was->size);
	counters_freed(heap, view, event->given, was, true);
	event->state = HEAP_GIVEN_LIVE;
	event->was_ns = was->time_ns;
	event->was = (struct heap_block){ event->given & ~LIVE_BESIDE, was->size,
		                          site_id(was->site), was->tid,
		                          (event->time_ns - was->time_ns) / 1000000 };
}

static void restore_old(struct heap *heap, struct view *view)
{
	struct block other;
	bool had_other;

	if (view->in_realloc && view->had_old)
		live_add(&heap->live, view->old_addr, &view->old, &other, &had_other);
	view->in_realloc = false;
}

static bool take_out(struct heap *heap, const struct heap_event *event, struct block *block)
{
	return live_free(&heap->live, event->given, event->site,
	                 (uint32_t)model_since_begin_ms(heap), block);
}

/* ---- events, by kind --------------------------------------------------------------------- */

static void apply_alloc(struct heap *heap, struct view *view, struct heap_event *event)
{
	struct heap_function *stats = stats_of(heap, event->entry);

	stats->calls++;
	count_call(heap, event);
	if (event->block) {
		stats->bytes += event->size;
		allocated(heap, view, event);
	} else if (event->size) {
		stats->failed++;
	}
}

static void apply_free(struct heap *heap, struct view *view, struct heap_event *event)
{
	struct heap_function *stats = stats_of(heap, event->entry);
	struct block block;

	stats->calls++;
	stats->null += !event->given;
	if (!event->given)
		return;
	if (view->in_realloc && view->old_addr == event->given)
		restore_old(heap, view); /* that realloc was jumped out of */
	given_back(heap, view, event, take_out(heap, event, &block) ? &block : NULL,
	           event->site - 1);
	table_remove(&heap->refs, event->given); /* it may be another's soon */
}

static void apply_free_call(struct heap *heap, struct view *view, struct heap_event *event)
{
	count_call(heap, event);
	apply_free(heap, view, event);
}

/* Of a block that was not seen to begin there is nothing to count. */
static void apply_ref(struct heap *heap, struct view *view, struct heap_event *event)
{
	uint64_t *refs = live_at(&heap->live, event->given) ? table_put(&heap->refs, event->given) : NULL;

	(void)view;
	count_call(heap, event);
	stats_of(heap, event->entry)->calls++;
	if (refs)
		++*refs;
}

/* As long as there are others it lives on. */
static void apply_unref(struct heap *heap, struct view *view, struct heap_event *event)
{
	uint64_t *refs = table_find(&heap->refs, event->given);

	if (!refs) {
		apply_free_call(heap, view, event);
		return;
	}
	count_call(heap, event);
	if (!--*refs)
		table_remove(&heap->refs, event->given);
	stats_of(heap, event->entry)->calls++;
}

/* The old block leaves the table before realloc may hand it to another thread; what
 * became of it is known at the end. */
static void apply_realloc_begin(struct heap *heap, struct view *view, struct heap_event *event)
{
	restore_old(heap, view);
	view->in_realloc = true;
	view->old_site = event->site - 1;
	view->old_addr = event->given;
	view->had_old = event->given && take_out(heap, event, &view->old);
}

static void apply_realloc(struct heap *heap, struct view *view, struct heap_event *event)
{
	if (!event->gone)
		restore_old(heap, view);
	view->in_realloc = false;
	if (event->gone && event->given)
		given_back(heap, view, event, view->had_old ? &view->old : NULL, view->old_site);
	apply_alloc(heap, view, event);
}

static void apply_abandoned(struct heap *heap, struct view *view, struct heap_event *event)
{
	(void)event;
	heap->ledger.missed_calls++;
	heap->errors.call_lost = true;
	restore_old(heap, view);
}

static void apply_lost(struct heap *heap, struct view *view, struct heap_event *event)
{
	(void)view, (void)event;
	heap->ledger.missed_calls++;
}

/* Another thread may have freed it while this one waited for it. */
static void apply_earlier(struct heap *heap, struct view *view, struct heap_event *event)
{
	(void)view;
	heap->ledger.earlier_calls++;
	live_forget_freed(&heap->live, event->block);
}

static void apply_map(struct heap *heap, struct view *view, struct heap_event *event)
{
	(void)view;
	maps_apply(heap, event);
}

static void apply_thread_begin(struct heap *heap, struct view *view, struct heap_event *event)
{
	(void)view, (void)event;
	heap->threads_live++;
	heap->threads_total++;
}

static void apply_thread_end(struct heap *heap, struct view *view, struct heap_event *event)
{
	heap->threads_live--;
	counters_thread_ended(heap, view);
	view_drop(heap, event->tid);
}

static void apply_reset(struct heap *heap, struct view *view, struct heap_event *event)
{
	(void)view, (void)event;
	counters_begin_anew(heap);
}

static void apply_found(struct heap *heap, struct view *view, struct heap_event *event)
{
	(void)view, (void)event;
	heap->attached = true;
}

static void apply_off(struct heap *heap, struct view *view, struct heap_event *event)
{
	(void)view, (void)event;
	pause_begins(heap);
}

static void apply_on(struct heap *heap, struct view *view, struct heap_event *event)
{
	(void)view, (void)event;
	pause_ends(heap);
}

static void apply_nothing(struct heap *heap, struct view *view, struct heap_event *event)
{
	(void)heap, (void)view, (void)event;
}

static void (*const by_kind[HEAP_EVENTS])(struct heap *, struct view *, struct heap_event *) = {
	[HEAP_EVENT_ALLOC] = apply_alloc,
	[HEAP_EVENT_FREE] = apply_free_call,
	[HEAP_EVENT_REALLOC_BEGIN] = apply_realloc_begin,
	[HEAP_EVENT_REALLOC] = apply_realloc,
	[HEAP_EVENT_REF] = apply_ref,
	[HEAP_EVENT_UNREF] = apply_unref,
	[HEAP_EVENT_ABANDONED] = apply_abandoned,
	[HEAP_EVENT_LOST] = apply_lost,
	[HEAP_EVENT_EARLIER] = apply_earlier,
	[HEAP_EVENT_MAP] = apply_map,
	[HEAP_EVENT_POINT] = apply_nothing,
	[HEAP_EVENT_RESET] = apply_reset,
	[HEAP_EVENT_THREAD_BEGIN] = apply_thread_begin,
	[HEAP_EVENT_THREAD_END] = apply_thread_end,
	[HEAP_EVENT_IMAGE] = apply_nothing,
	[HEAP_EVENT_FORK] = apply_nothing,
	[HEAP_EVENT_EXIT] = apply_nothing,
	[HEAP_EVENT_FOUND] = apply_found,
	[HEAP_EVENT_OFF] = apply_off,
	[HEAP_EVENT_ON] = apply_on,
};

void account_apply(struct heap *heap, struct heap_event *event)
{
	const struct heap_listener *listener = heap->options.listener;
	struct view *view = view_of(heap, event->tid);

	if (!view) {
		heap->ledger.missed_calls++;
		return;
	}
	if (event->entry != CATALOG_NONE)
		event->function = catalog[event->entry].name;
	else if (event->kind == HEAP_EVENT_MAP)
		event->function = map_call_name(event->call->kind);
	by_kind[event->kind](heap, view, event);
	counters_called(heap, view, event);
	if (listener)
		listener->tell(listener->ctx, heap, event);
}

struct heap_event account_event(enum heap_event_kind kind, const struct record *record)
{
	return (struct heap_event){ .kind = kind, .tid = record->tid, .time_ns = record->time_ns,
		                    .entry = CATALOG_NONE, .number = NO_FUNCTION };
}

void account_exit(struct heap *heap, const struct record_status *record)
{
	struct heap_event event = account_event(HEAP_EVENT_EXIT, &record->record);

	event.status = record->status;
	account_apply(heap, &event);
}

void account_tell(struct heap *heap, enum heap_event_kind kind, int tid)
{
	const struct record now = { .tid = tid, .time_ns = heap->now_ns };
	struct heap_event event = account_event(kind, &now);

	account_apply(heap, &event);
}
