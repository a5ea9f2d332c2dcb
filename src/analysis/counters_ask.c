/* Answers for heap_counters.h. */
#include <stdlib.h>
#include <string.h>

#include "account.h"
#include "catalog.h"
#include "model.h"
#include "usable.h"

const struct heap_counters *heap_counters(struct heap *heap)
{
	heap->counters.since.usable_known = usable_is_glibcs(heap);
	heap->counters.since.off = heap->ledger.off;
	return &heap->counters.since;
}

/* Without memory for it, functions are told since the trace began. */
static void begin_functions(struct heap *heap)
{
	struct counters *counters = &heap->counters;
	size_t len = catalog_count * sizeof(*counters->base);

	if (!counters->base)
		counters->base = malloc(len);
	if (counters->base)
		memcpy(counters->base, heap->stats, len);
}

void heap_counters_reset(struct heap *heap)
{
	account_tell(heap, HEAP_EVENT_RESET, heap->program.pid);
}

/* Of what is to come no time is before that of the last event, or the same. */
void counters_begin_anew(struct heap *heap)
{
	struct counters *counters = &heap->counters;
	struct table_slot *slot;

	begin_functions(heap);
	free(counters->freed);
	counters->freed = NULL;
	counters->since = (struct heap_counters){ .since_ms = model_since_begin_ms(heap),
		                                  .resets = counters->since.resets + 1 };
	counters->since_ns = heap->now_ns;
	counters->ended = (struct heap_thread){ .ended = counters->ended.ended };
	for (size_t at = 0; (slot = table_next(&heap->views, &at));) {
		struct view *view = (struct view *)(uintptr_t)slot->value;

		if (view)
			view->counters.sums = (struct heap_thread){ 0 };
	}
}

static struct heap_function since(const struct heap_function *now, const struct heap_function *was)
{
	struct heap_function function = *now;

	function.calls -= was->calls;
	function.failed -= was->failed;
	function.null -= was->null;
	function.bytes -= was->bytes;
	return function;
}

struct heap_calls *heap_functions_since(const struct heap *heap, size_t *count)
{
	static const struct heap_function nothing;
	const struct counters *counters = &heap->counters;
	struct heap_calls *list = calloc(catalog_count, sizeof(*list));

	*count = 0;
	for (unsigned i = 0; list && i < catalog_count; i++) {
		list[*count].of = since(&heap->stats[i],
		                        counters->base ? &counters->base[i] : &nothing);
		list[*count].freed = counters->freed ? counters->freed[i] : 0;
		*count += list[*count].of.calls != 0;
	}
	return list;
}

size_t heap_vm_now(struct heap *heap, const struct heap_vm_figure **out)
{
	struct vm *vm = &heap->counters.vm;

	vm_look(vm, heap->program.pid);
	*out = vm->figures;
	return vm->known ? HEAP_VM_FIGURES : 0;
}

/* ---- threads ----------------------------------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
	const struct heap_thread *x = a, *y = b;

	return x->tid < y->tid ? -1 : x->tid > y->tid;
}

struct heap_thread *heap_thread_list(const struct heap *heap, size_t *count)
{
	struct heap_thread *list = calloc(heap->views.used + 1, sizeof(*list));
	struct table_slot *slot;

	*count = 0;
	for (size_t at = 0; list && (slot = table_next(&heap->views, &at));) {
		const struct view *view = (const struct view *)(uintptr_t)slot->value;

		if (!view || !(view->counters.sums.allocs || view->counters.sums.frees))
			continue;
		list[*count] = view->counters.sums;
		list[(*count)++].tid = (int)slot->key;
	}
	if (!list)
		return NULL;
	qsort(list, *count, sizeof(*list), by_number);
	if (heap->counters.ended.ended)
		list[(*count)++] = heap->counters.ended;
	return list;
}

static int by_bytes(const void *a, const void *b)
{
	const struct heap_thread_site *x = a, *y = b;

	if (x->live_bytes != y->live_bytes)
		return x->live_bytes > y->live_bytes ? -1 : 1;
	if (x->site != y->site)
		return x->site < y->site ? -1 : 1;
	return x->tid < y->tid ? -1 : x->tid > y->tid;
}

/* One that is not used has no thread. */
static bool is_asked_for(const struct thread_site *one, uint32_t site, int tid)
{
	return one->view.tid && (!site || one->view.site + 1 == site) &&
	       (!tid || one->view.tid == tid);
}

struct heap_thread_site *heap_thread_sites(const struct heap *heap, uint32_t site, int tid,
                                           size_t *count)
{
	const struct thread_sites *all = &heap->counters.thread_sites;
	struct heap_thread_site *list = calloc(all->count + 1, sizeof(*list));

	*count = 0;
	for (size_t i = 0; list && i < all->count; i++) {
		struct heap_thread_site *one = &list[*count];

		if (!is_asked_for(&all->list[i], site, tid))
			continue;
		*one = all->list[i].view;
		one->site++;
		one->last_ms = (all->list[i].time_ns - heap->program.began_ns) / 1000000;
		++*count;
	}
	if (list)
		qsort(list, *count, sizeof(*list), by_bytes);
	return list;
}

/* ---- sites ------------------------------------------------------------------------------- */

size_t heap_site_count(const struct heap *heap)
{
	return heap->sites.count;
}

struct heap_site_counters heap_site_counters(const struct heap *heap, uint32_t id)
{
	const struct site_counters *of = &heap->sites.sites[id - 1].counters;
	struct heap_site_counters told = { .bytes = of->bytes, .temporary = of->temporary };

	told.lifetimes.count = of->lived;
	told.lifetimes.min_ns = of->min_ns;
	told.lifetimes.max_ns = of->max_ns;
	told.lifetimes.mean_ns = of->lived ? (uint64_t)(of->lived_ns / (double)of->lived) : 0;
	if (told.lifetimes.mean_ns < of->min_ns) /* rounded */
		told.lifetimes.mean_ns = of->min_ns;
	for (unsigned i = 0; of->lived && i < HEAP_LIFETIMES; i++) {
		const uint64_t *count = table_find(&heap->counters.lifetimes, (uint64_t)id << 8 | i);

		told.lifetimes.counts[i] = count ? *count : 0;
	}
	return told;
}

/* ---- groups ------------------------------------------------------------------------------ */

static const char *name_of(struct heap *heap, uint32_t site, enum heap_group_by by)
{
	size_t depth;
	const struct heap_frame *stack = heap_stack(heap, site, &depth);

	if (!depth)
		return NULL;
	return by == HEAP_BY_LIBRARY ? stack->module : stack->function;
}

static int by_name(const void *a, const void *b)
{
	const struct heap_group *x = a, *y = b;

	if (!x->name || !y->name)
		return !!x->name - !!y->name;
	return strcmp(x->name, y->name);
}

static int by_live(const void *a, const void *b)
{
	const struct heap_group *x = a, *y = b;

	if (x->live_bytes != y->live_bytes)
		return x->live_bytes > y->live_bytes ? -1 : 1;
	return by_name(a, b);
}

static void merge(struct heap_group *into, const struct heap_group *from)
{
	into->live_blocks += from->live_blocks;
	into->live_bytes += from->live_bytes;
	into->allocs += from->allocs;
	into->frees += from->frees;
	into->bytes += from->bytes;
}

static size_t merge_all(struct heap_group *list, size_t count)
{
	size_t kept = 0;

	qsort(list, count, sizeof(*list), by_name);
	for (size_t i = 0; i < count; i++)
		if (kept && by_name(&list[kept - 1], &list[i]) == 0)
			merge(&list[kept - 1], &list[i]);
		else
			list[kept++] = list[i];
	return kept;
}

struct heap_group *heap_groups(struct heap *heap, enum heap_group_by by, size_t *count)
{
	struct heap_group *list = calloc(heap->sites.count + 1, sizeof(*list));

	*count = 0;
	for (size_t i = 0; list && i < heap->sites.count; i++) {
		const struct heap_site *site = &heap->sites.sites[i].view;

		if (site->allocs || site->live_blocks)
			list[(*count)++] = (struct heap_group){
				name_of(heap, site->id, by), site->live_blocks, site->live_bytes,
				site->allocs, site->frees, heap->sites.sites[i].counters.bytes
			};
	}
	if (!list)
		return NULL;
	*count = merge_all(list, *count);
	qsort(list, *count, sizeof(*list), by_live);
	return list;
}
