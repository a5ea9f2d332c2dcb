/* What events have led to: live blocks, counters, errors of the program. */
#include <stdlib.h>
#include <string.h>

#include "kept.h"
#include "view.h"

enum kept_as { LIVE, FREED, FORGOTTEN }; /* of a block */

/* ---- saving ---------------------------------------------------------------------------- */

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
		wire_number(to, live_freed(live, one->addr) ? FREED : FORGOTTEN);
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

#define TOTALS (sizeof(struct heap_totals) / sizeof(uint64_t)) /* it has nothing else */

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

/* ---- loading --------------------------------------------------------------------------- */

static bool load_block(const struct heap *heap, taddr_t *addr, struct block *block,
                       struct wire_reader *from)
{
	uint64_t site;

	*addr += (taddr_t)wire_take_signed(from);
	block->size = wire_take_number(from);
	site = wire_take_most(from, heap->sites.count);
	block->site = (uint32_t)site - 1;
	block->tid = (int32_t)wire_take_signed(from);
	block->time_ns = wire_take_number(from);
	return *addr && site && !from->failed;
}

static bool add(struct heap *heap, taddr_t addr, const struct block *block)
{
	struct block old;
	bool had_old;

	return live_add(&heap->live, addr, block, &old, &had_old) && !had_old;
}

static bool load_live(struct heap *heap, struct wire_reader *from)
{
	size_t count = wire_take_count(from, 5);
	struct block block;
	taddr_t addr = 0;

	for (size_t i = 0; i < count; i++)
		if (!load_block(heap, &addr, &block, from) || !add(heap, addr, &block))
			return false;
	return !from->failed;
}

struct freed {
	taddr_t addr;
	uint64_t place;
	uint32_t free_site, freed_ms;
};

static bool load_one_freed(struct heap *heap, struct freed *freed, taddr_t *addr,
                           struct wire_reader *from)
{
	struct block block = { 0 };
	uint64_t site;

	*addr += (taddr_t)wire_take_signed(from);
	freed->addr = *addr;
	freed->place = wire_take_most(from, FORGOTTEN);
	site = wire_take_most(from, heap->sites.count);
	block.site = (uint32_t)site - 1;
	freed->free_site = wire_take_most(from, heap->sites.count);
	freed->freed_ms = wire_take_most(from, UINT32_MAX);
	return !from->failed && *addr && site && add(heap, *addr, &block);
}

/* First all of them are there, for one too many would take the place of the oldest. */
static bool load_freed(struct heap *heap, struct wire_reader *from)
{
	size_t count = wire_take_count(from, 5);
	struct freed *list = calloc(count + 1, sizeof(*list));
	struct block block;
	bool sound = list;
	taddr_t addr = 0;

	for (size_t i = 0; sound && i < count; i++)
		sound = load_one_freed(heap, &list[i], &addr, from);
	for (size_t i = 0; sound && i < count; i++) {
		live_free(&heap->live, list[i].addr, list[i].free_site, list[i].freed_ms, &block);
		if (list[i].place == FORGOTTEN)
			live_forget_freed(&heap->live, list[i].addr);
	}
	free(list);
	return sound && !from->failed;
}

static void load_site(struct site *site, struct wire_reader *from)
{
	struct heap_site *view = &site->view;
	uint64_t *const numbers[] = {
		&view->allocs, &view->frees, &view->live_blocks, &view->live_bytes,
		&view->peak_bytes, &view->at_peak_blocks, &view->at_peak_bytes, &view->first_ms,
		&view->last_ms, &site->peak, &site->map_calls
	};

	for (size_t i = 0; i < countof(numbers); i++)
		*numbers[i] = wire_take_number(from);
}

static bool load_sites(struct heap *heap, struct wire_reader *from)
{
	size_t count = wire_take_most(from, heap->sites.count);

	for (size_t i = 0; i < count; i++)
		load_site(&heap->sites.sites[i], from);
	return !from->failed;
}

static bool load_view(struct heap *heap, struct wire_reader *from)
{
	int tid = (int)wire_take_signed(from);
	struct view *view = from->failed || !tid ? NULL : view_of(heap, tid);
	taddr_t addr;

	if (!view)
		return false;
	view->in_realloc = true;
	view->had_old = wire_take_flag(from);
	addr = view->old_addr = wire_take_number(from);
	view->old_site = (uint32_t)wire_take_most(from, heap->sites.count) - 1;
	return !view->had_old || load_block(heap, &addr, &view->old, from);
}

static bool load_views(struct heap *heap, struct wire_reader *from)
{
	size_t count = wire_take_count(from, 4);

	for (size_t i = 0; i < count; i++)
		if (!load_view(heap, from))
			return false;
	return !from->failed;
}

static bool load_refs(struct heap *heap, struct wire_reader *from)
{
	size_t count = wire_take_count(from, 2);

	for (size_t i = 0; i < count; i++) {
		uint64_t key = wire_take_number(from);
		uint64_t *refs = key ? table_put(&heap->refs, key) : NULL;

		if (!refs)
			return false;
		*refs = wire_take_number(from);
	}
	return !from->failed;
}

static bool load_functions(struct heap *heap, struct wire_reader *from)
{
	size_t count = wire_take_count(from, 5);

	for (size_t i = 0; i < count; i++) {
		int entry = kept_entry(heap, from);

		if (entry == CATALOG_NONE)
			return false;
		heap->stats[entry].calls = wire_take_number(from);
		heap->stats[entry].failed = wire_take_number(from);
		heap->stats[entry].null = wire_take_number(from);
		heap->stats[entry].bytes = wire_take_number(from);
	}
	return !from->failed;
}

static bool load_error(struct heap *heap, struct heap_error *error, struct wire_reader *from)
{
	uint32_t most = heap->sites.count;

	error->kind = wire_take_most(from, HEAP_ERROR_KINDS - 1);
	error->function = kept_take(heap, from);
	error->count = wire_take_number(from);
	error->address = wire_take_number(from);
	error->tid = (int)wire_take_number(from);
	error->time_ms = wire_take_number(from);
	error->site = wire_take_most(from, most);
	error->block = wire_take_number(from);
	error->size = wire_take_number(from);
	error->alloc_site = wire_take_most(from, most);
	error->free_site = wire_take_most(from, most);
	error->freed_ms = wire_take_number(from);
	return !from->failed && error->function;
}

static bool load_errors(struct heap *heap, struct wire_reader *from)
{
	struct errors *errors = &heap->errors;
	size_t count;

	errors->scans = (unsigned)wire_take_most(from, UINT32_MAX);
	count = wire_take_count(from, 12);
	free(errors->list);
	errors->count = 0;
	errors->list = calloc(count + 1, sizeof(*errors->list));
	for (; errors->list && errors->count < count; errors->count++)
		if (!load_error(heap, &errors->list[errors->count], from))
			return false;
	return errors->list && !from->failed;
}

static void forget(struct heap *heap)
{
	view_drop_all(heap);
	live_clear(&heap->live);
	table_clear(&heap->refs);
	model_reset_stats(heap);
	for (size_t i = 0; i < heap->sites.count; i++)
		load_site(&heap->sites.sites[i], &(struct wire_reader){ 0 });
}

bool replay_load_state(struct heap *heap, struct wire_reader *from)
{
	uint64_t totals[TOTALS];

	forget(heap);
	for (size_t i = 0; i < TOTALS; i++)
		totals[i] = wire_take_number(from);
	memcpy(&heap->totals, totals, sizeof(totals));
	heap->peaks = wire_take_number(from);
	return load_sites(heap, from) && load_live(heap, from) && load_freed(heap, from) &&
	       load_views(heap, from) && load_refs(heap, from) && load_functions(heap, from) &&
	       load_errors(heap, from) && kept_load_counters(heap, from);
}
