/* What events have led to: live blocks, counters, errors of the program. */
#include <string.h>

#include "kept.h"
#include "kept_state.h"

static void save_block(taddr_t addr, const struct block *block, taddr_t last, struct wire *to)
{
	wire_signed(to, (int64_t)(addr - last));
	wire_number(to, block->size);
	wire_number(to, site_id(block->site));
	wire_signed(to, block->tid);
	wire_number(to, block->time_ns);
}

static void save_live(const struct live *live, struct wire *to)
{
	const struct live_block *one;
	taddr_t last = 0;

	wire_number(to, live->used - live->freed);
	for (size_t at = 0; (one = live_next(live, &at)); last = one->addr)
		save_block(one->addr, &one->block, last, to);
}

/* The oldest first, which is the first to be forgotten. */
static void save_freed(const struct live *live, struct wire *to)
{
	taddr_t last = 0;

	wire_number(to, live->freed);
	for (uint32_t number = live->oldest; number; number = live->blocks[number - 1].newer) {
		const struct live_block *one = &live->blocks[number - 1];

		wire_signed(to, (int64_t)(one->addr - last));
		wire_number(to, live_freed(live, one->addr) ? PLACE_FREED : PLACE_FORGOTTEN);
		wire_number(to, site_id(one->site));
		wire_number(to, one->free_site);
		wire_number(to, one->freed_ms);
		last = one->addr;
	}
}

static void save_site(const struct site *site, struct wire *to)
{
	const struct heap_site *view = &site->view;
	const uint64_t numbers[] = {
		view->allocs, view->frees, view->live_blocks, view->live_bytes, view->peak_bytes,
		view->at_peak_blocks, view->at_peak_bytes, view->first_ms, view->last_ms,
		site->peak, site->map_calls
	};

	for (size_t i = 0; i < countof(numbers); i++)
		wire_number(to, numbers[i]);
}

static void save_view(int tid, const struct view *view, struct wire *to)
{
	wire_signed(to, tid);
	wire_number(to, view->had_old);
	wire_number(to, view->old_addr);
	wire_number(to, site_id(view->old_site));
	if (view->had_old)
		save_block(view->old_addr, &view->old, view->old_addr, to);
}

/* Threads that are in a realloc. */
static void save_views(const struct heap *heap, struct wire *to)
{
	const struct table_slot *slot;
	size_t count = 0;

	for (int put = 0; put < 2; put++) {
		for (size_t at = 0; (slot = table_next(&heap->views, &at));) {
			const struct view *view = (const struct view *)(uintptr_t)slot->value;

			if (!view || !view->in_realloc)
				continue;
			if (put)
				save_view((int32_t)slot->key, view, to);
			else
				count++;
		}
		if (!put)
			wire_number(to, count);
	}
}

static void save_refs(const struct heap *heap, struct wire *to)
{
	const struct table_slot *slot;

	wire_number(to, heap->refs.used);
	for (size_t at = 0; (slot = table_next(&heap->refs, &at));) {
		wire_number(to, slot->key);
		wire_number(to, slot->value);
	}
}

static void save_functions(const struct heap *heap, struct wire *to)
{
	size_t count = 0;

	for (unsigned i = 0; i < catalog_count; i++)
		count += heap->stats[i].calls != 0;
	wire_number(to, count);
	for (unsigned i = 0; i < catalog_count; i++) {
		const struct heap_function *stats = &heap->stats[i];

		if (!stats->calls)
			continue;
		kept_save_entry(i, to);
		wire_number(to, stats->calls);
		wire_number(to, stats->failed);
		wire_number(to, stats->null);
		wire_number(to, stats->bytes);
	}
}

static void save_error(const struct heap_error *error, struct wire *to)
{
	const uint64_t numbers[] = { error->count, error->address, (uint32_t)error->tid,
		                     error->time_ms, error->site, error->block, error->size,
		                     error->alloc_site, error->free_site, error->freed_ms };

	wire_number(to, error->kind);
	wire_text(to, error->function);
	for (size_t i = 0; i < countof(numbers); i++)
		wire_number(to, numbers[i]);
}

static void save_errors(const struct errors *errors, struct wire *to)
{
	wire_number(to, errors->scans);
	wire_number(to, errors->count);
	for (size_t i = 0; i < errors->count; i++)
		save_error(&errors->list[i], to);
}

void heap_save_state(const struct heap *heap, struct wire *to)
{
	uint64_t totals[TOTALS];

	memcpy(totals, &heap->totals, sizeof(totals));
	for (size_t i = 0; i < TOTALS; i++)
		wire_number(to, totals[i]);
	wire_number(to, heap->peaks);
	wire_number(to, heap->sites.count);
	for (size_t i = 0; i < heap->sites.count; i++)
		save_site(&heap->sites.sites[i], to);
	save_live(&heap->live, to);
	save_freed(&heap->live, to);
	save_views(heap, to);
	save_refs(heap, to);
	save_functions(heap, to);
	save_errors(&heap->errors, to);
	kept_save_counters(heap, to);
}
