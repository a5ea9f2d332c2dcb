#include "withdraw.h"

#include <sys/types.h>

#include "heap_counters.h"

struct range { /* of functions' numbers */
	uint32_t begin, end;
};

static bool is_in(const struct range *range, uint32_t number)
{
	return number >= range->begin && number < range->end;
}

static bool is_of(const struct range *range, const struct site *site)
{
	return site->function && is_in(range, site->function - 1);
}

static void less(uint64_t *figure, uint64_t by)
{
	*figure -= by < *figure ? by : *figure;
}

static void drop_blocks(struct heap *heap, const struct range *range)
{
	const struct live_block *one;
	struct block block;

	for (size_t at = 0; (one = live_next(&heap->live, &at));) {
		taddr_t addr = one->addr;

		if (!is_of(range, &heap->sites.sites[one->block.site]))
			continue;
		live_remove(&heap->live, addr, &block);
		live_forget_freed(&heap->live, addr);
	}
}

/* That a realloc under way would put back. */
static void drop_pending(struct heap *heap, const struct range *range)
{
	struct table_slot *slot;

	for (size_t at = 0; (slot = table_next(&heap->views, &at));) {
		struct view *view = (struct view *)(uintptr_t)slot->value;

		if (view && view->in_realloc && view->had_old &&
		    is_of(range, &heap->sites.sites[view->old.site]))
			view->had_old = false;
	}
}

static void drop_site(struct heap *heap, struct site *site)
{
	struct heap_site *view = &site->view;
	struct heap_totals *totals = &heap->totals;

	less(&totals->allocs, view->allocs);
	less(&totals->frees, view->frees);
	less(&totals->bytes_allocated, site->counters.bytes);
	less(&totals->bytes_freed,
	     site->inherited + site->counters.bytes - site->forgotten - view->live_bytes);
	less(&totals->live_blocks, view->live_blocks);
	less(&totals->live_bytes, view->live_bytes);
	less(&totals->inherited_blocks,
	     view->live_blocks + site->forgotten_blocks + view->frees - view->allocs);
	less(&totals->inherited_bytes, site->inherited);
	less(&totals->forgotten_blocks, site->forgotten_blocks);
	less(&totals->forgotten_bytes, site->forgotten);
	*view = (struct heap_site){ .id = view->id, .function = view->function,
		                    .symbol = view->symbol };
	site->counters = (struct site_counters){ 0 };
	site->inherited = site->forgotten = site->forgotten_blocks = 0;
}

static void drop_sites(struct heap *heap, const struct range *range)
{
	for (size_t i = 0; i < heap->sites.count; i++)
		if (is_of(range, &heap->sites.sites[i]))
			drop_site(heap, &heap->sites.sites[i]);
	heap->peaks++;
	heap->totals.peak_live_bytes = heap->totals.live_bytes;
	heap->totals.peak_ms = heap->totals.live_bytes ? model_since_begin_ms(heap) : 0;
	heap->usable.known = false;
}

static void drop_calls(struct heap *heap, struct function *function)
{
	const struct tally *tally = &function->trial.tally;
	struct heap_function *stats = &heap->stats[catalog_counts_as(function->entry)];
	struct heap_ledger *ledger = &heap->ledger;

	less(&stats->calls, tally->calls);
	less(&stats->failed, tally->failed);
	less(&stats->null, tally->null);
	less(&stats->bytes, tally->bytes);
	less(&ledger->missed_calls, tally->missed_calls);
	less(&ledger->unknown_frees, tally->unknown_frees);
	less(&ledger->double_frees, tally->double_frees);
	less(&ledger->earlier_frees, tally->earlier_frees);
	less(&ledger->truncated_stacks, tally->truncated_stacks);
	function->calls = 0;
	function->trial.tally = (struct tally){ 0 };
}

static void drop_errors(struct heap *heap, const struct range *range)
{
	struct errors *errors = &heap->errors;
	size_t kept = 0;

	for (size_t i = 0; i < errors->count; i++)
		if (!is_in(range, errors->list[i].by))
			errors->list[kept++] = errors->list[i];
	errors->count = kept;
}

/* What was mapped in their calls was not an allocator's. */
static void drop_origins(struct heap *heap)
{
	struct vma *vma;

	for (taddr_t at = 0; (vma = vmas_next(&heap->maps.space.vmas, at)); at = vma->end)
		if (vma->origin == HEAP_LIBC_MALLOC && vma->site != SITE_NONE)
			vma->origin = HEAP_APP;
}

void withdraw(struct heap *heap, uint32_t begin, uint32_t end)
{
	const struct range range = { begin, end };

	drop_blocks(heap, &range);
	drop_pending(heap, &range);
	drop_sites(heap, &range);
	for (uint32_t i = begin; i < end; i++)
		drop_calls(heap, &heap->functions.list[i]);
	drop_errors(heap, &range);
	if (end - begin > 1)
		drop_origins(heap);
	heap_counters_reset(heap); /* whose they are is not known of each */
}
