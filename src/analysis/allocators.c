/* Which functions were found to be allocators', and what tracing them has cost. */
#include <stdlib.h>
#include <string.h>

#include "binding.h"
#include "model.h"

static int by_module(const void *a, const void *b)
{
	const struct heap_allocator *x = a, *y = b;
	int order = strcmp(x->module, y->module);

	return order ? order : x->address < y->address ? -1 : x->address > y->address;
}

/* Wrappers, which only name what they call, are none. */
static bool is_allocator(const struct heap *heap, const struct function *function)
{
	return module_at(&heap->modules, function->addr) == function->module &&
	       catalog[function->entry].role <= CATALOG_UNREF;
}

/* A recording and a report are to tell the same, though the target binds names meanwhile. */
void model_read_bound(struct heap *heap)
{
	if (heap->kept || heap->bound.read)
		return;
	table_clear(&heap->bound.all);
	heap->bound.known = heap->functions.count &&
	                    binding_read(&heap->modules, heap->program.pid, &heap->bound.all);
	heap->bound.read = true;
}

static void look_up_bound(struct heap *heap, struct heap_allocator *list, size_t count)
{
	const uint64_t *bound;

	if (count)
		model_read_bound(heap);
	for (size_t i = 0; i < count; i++) {
		bound = table_find(&heap->bound.all, list[i].address);
		list[i].bound_known = heap->bound.known;
		list[i].bound = bound ? *bound : 0;
	}
}

struct heap_allocator *heap_allocators(const struct heap *heap, size_t *count)
{
	const struct functions *functions = &heap->functions;
	struct heap_allocator *list =
		functions->count ? calloc(functions->count, sizeof(*list)) : NULL;

	*count = 0;
	for (size_t i = 0; list && i < functions->count; i++) {
		const struct function *function = &functions->list[i];

		if (is_allocator(heap, function))
			list[(*count)++] = (struct heap_allocator){
				function->module->path, catalog[function->entry].name,
				function->table, function->addr, function->traps,
				function->two_stops, function->calls, false, 0,
				function->trial.trust, function->trial.fitted
			};
	}
	if (*count)
		qsort(list, *count, sizeof(*list), by_module);
	look_up_bound((struct heap *)heap, list, *count);
	return list;
}

struct heap_cost heap_cost(const struct heap *heap)
{
	return heap->cost;
}
