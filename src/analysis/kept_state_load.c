/* What events have led to, read again. */
#include <stdlib.h>
#include <string.h>

#include "kept.h"
#include "kept_state.h"
#include "view.h"

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
	freed->place = wire_take_most(from, PLACE_FORGOTTEN);
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
		if (list[i].place == PLACE_FORGOTTEN)
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
