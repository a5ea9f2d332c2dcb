/* Sites and blocks as a report asks for them. */
#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "part.h"

static bool fits(const struct heap_frame *frame, const char *pattern)
{
	return part_in(frame->function, pattern) || part_in(frame->file, pattern) ||
	       part_in(frame->module, pattern);
}

static bool any_fits(struct heap *heap, const struct heap_site *site, const char *const *patterns,
                     size_t count)
{
	size_t depth;
	const struct heap_frame *stack = heap_stack(heap, site->id, &depth);

	for (size_t i = 0; i < count; i++) {
		if (part_in(site->function, patterns[i]))
			return true;
		for (size_t k = 0; k < depth; k++)
			if (fits(&stack[k], patterns[i]))
				return true;
	}
	return false;
}

static bool is_asked_for(struct heap *heap, const struct heap_site *site,
                         const struct heap_query *query)
{
	return (site->allocs || site->frees || site->live_blocks) &&
	       (!query->match_count ||
	        any_fits(heap, site, query->match, query->match_count)) &&
	       (!query->hide_count || !any_fits(heap, site, query->hide, query->hide_count));
}

static bool has_minimum(const struct heap_query *query)
{
	return query->min_size || query->min_age_ms;
}

static uint64_t age_ms(const struct heap *heap, const struct block *block,
                       const struct heap_query *query)
{
	/* an inherited one is older than the trace of its process */
	int64_t since_ms = (int64_t)(block->time_ns - heap->program.began_ns) / 1000000;
	int64_t age = (int64_t)query->now_ms - since_ms;

	return age > 0 ? (uint64_t)age : 0;
}

static bool reaches(const struct heap *heap, const struct block *block,
                    const struct heap_query *query)
{
	return block->size >= query->min_size && age_ms(heap, block, query) >= query->min_age_ms;
}

/* ---- what lives -------------------------------------------------------------------- */

struct walk { /* over all blocks; zero: at its begin */
	size_t live, view;
	struct live_block moving;
};

/* One whose realloc is under way lives until that has returned, though it is in no table. */
static const struct live_block *next_moving(const struct heap *heap, struct walk *walk)
{
	const struct table_slot *slot;

	while ((slot = table_next(&heap->views, &walk->view))) {
		const struct view *view = (const struct view *)(uintptr_t)slot->value;

		if (!view || !view->in_realloc || !view->had_old)
			continue;
		walk->moving = (struct live_block){ .addr = view->old_addr, .block = view->old };
		return &walk->moving;
	}
	return NULL;
}

static const struct live_block *next_block(const struct heap *heap, struct walk *walk)
{
	const struct live_block *block = live_next(&heap->live, &walk->live);

	return block ? block : next_moving(heap, walk);
}

/* ---- sites ------------------------------------------------------------------------ */

static struct heap_site view_of_site(const struct heap *heap, const struct site *site)
{
	struct heap_site view = site->view;

	if (site->peak != heap->peaks) { /* not changed since */
		view.at_peak_blocks = view.live_blocks;
		view.at_peak_bytes = view.live_bytes;
	}
	return view;
}

/* list: of all sites, in the order of their numbers. */
static void count_live(const struct heap *heap, const struct heap_query *query,
                       struct heap_site *list)
{
	const struct live_block *one;
	struct walk walk = { 0 };

	for (size_t i = 0; i < heap->sites.count; i++)
		list[i].live_blocks = list[i].live_bytes = 0;
	while ((one = next_block(heap, &walk))) {
		if (!reaches(heap, &one->block, query))
			continue;
		list[one->block.site].live_blocks++;
		list[one->block.site].live_bytes += one->block.size;
	}
}

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

static int by_weight(const void *a, const void *b, void *sort)
{
	const struct heap_site *x = a, *y = b;
	uint64_t wx = weight(x, *(enum heap_sort *)sort), wy = weight(y, *(enum heap_sort *)sort);

	if (wx != wy)
		return wx > wy ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

struct heap_site *heap_sites(struct heap *heap, const struct heap_query *query, size_t *count)
{
	struct heap_site *list = calloc(heap->sites.count + 1, sizeof(*list));
	enum heap_sort sort = query->sort;

	*count = 0;
	if (!list)
		return NULL;
	for (size_t i = 0; i < heap->sites.count; i++)
		list[i] = view_of_site(heap, &heap->sites.sites[i]);
	if (has_minimum(query))
		count_live(heap, query, list);
	for (size_t i = 0; i < heap->sites.count; i++)
		if ((list[i].live_blocks || !has_minimum(query)) &&
		    is_asked_for(heap, &list[i], query))
			list[(*count)++] = list[i];
	qsort_r(list, *count, sizeof(*list), by_weight, &sort);
	return list;
}

/* ---- blocks ----------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
	const struct heap_block *x = a, *y = b;

	if (x->size != y->size)
		return x->size > y->size ? -1 : 1;
	return x->address < y->address ? -1 : x->address > y->address;
}

/* Of every site: is it asked for? The caller frees. */
static bool *asked_for(struct heap *heap, const struct heap_query *query)
{
	bool *asked = calloc(heap->sites.count + 1, sizeof(*asked));

	for (size_t i = 0; asked && i < heap->sites.count; i++)
		asked[i] = is_asked_for(heap, &heap->sites.sites[i].view, query);
	return asked;
}

struct heap_block *heap_blocks(struct heap *heap, const struct heap_query *query, size_t *count)
{
	size_t most = heap->live.used - heap->live.freed + heap->views.used;
	struct heap_block *list = calloc(most + 1, sizeof(*list));
	bool *asked = asked_for(heap, query);
	const struct live_block *one;
	struct walk walk = { 0 };

	*count = 0;
	while (list && asked && (one = next_block(heap, &walk))) {
		const struct block *block = &one->block;

		if (*count < most && asked[block->site] &&
		    reaches(heap, block, query))
			list[(*count)++] = (struct heap_block){
				one->addr & ~LIVE_BESIDE, block->size, block->site + 1, block->tid,
				age_ms(heap, block, query)
			};
	}
	if (list)
		qsort(list, *count, sizeof(*list), by_size);
	free(asked);
	return list;
}
