/* Answers for heap.h. */
#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "symbol.h"

const struct heap_totals *heap_totals(const struct heap *heap)
{
	return &heap->totals;
}

const struct heap_program *heap_program(const struct heap *heap)
{
	return &heap->program;
}

size_t heap_functions(const struct heap *heap, const struct heap_function **out)
{
	size_t count = 0;

	for (unsigned i = 0; i < catalog_count; i++)
		if (heap->stats[i].calls)
			heap->called[count++] = heap->stats[i];
	*out = heap->called;
	return count;
}

static uint64_t weight(const struct heap_site *site, enum heap_sort sort)
{
	switch (sort) {
	case HEAP_BY_BLOCKS:
		return site->live_blocks;
	case HEAP_BY_CALLS:
		return site->allocs;
	case HEAP_BY_PEAK:
		return site->peak_bytes;
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

struct heap_site *heap_sites(const struct heap *heap, enum heap_sort sort, size_t *count)
{
	struct heap_site *list = calloc(heap->sites.count ? heap->sites.count : 1, sizeof(*list));

	*count = 0;
	for (size_t i = 0; list && i < heap->sites.count; i++)
		if (heap->sites.sites[i].view.allocs)
			list[(*count)++] = heap->sites.sites[i].view;
	if (list)
		qsort_r(list, *count, sizeof(*list), by_weight, &sort);
	return list;
}

static void resolve_frame(struct frame *frame)
{
	struct module *module = frame->module;
	struct symbol symbol;

	frame->resolved = true;
	frame->view.address = frame->addr;
	if (!module) {
		frame->view.offset = frame->addr;
		return;
	}
	symbol_of(module, frame->addr, frame->exact, &symbol);
	frame->view.module = module->path;
	frame->view.build_id = module->elf.build_id[0] ? module->elf.build_id : NULL;
	frame->view.function = symbol.function;
	frame->view.offset = symbol.offset;
	frame->view.file = symbol.file;
	frame->view.line = symbol.line;
}

const struct heap_frame *heap_stack(struct heap *heap, uint32_t id, size_t *count)
{
	static struct heap_frame *stack;
	struct site *site = id && id <= heap->sites.count ? &heap->sites.sites[id - 1] : NULL;

	*count = 0;
	if (!site || (!stack && !(stack = calloc(heap->depth, sizeof(*stack)))))
		return NULL;
	for (unsigned i = site->folded; i < site->frame_count; i++) {
		struct frame *frame = &heap->sites.frames[site->frames[i] - 1];

		if (!frame->resolved)
			resolve_frame(frame);
		stack[(*count)++] = frame->view;
	}
	return stack;
}

static void list_unsymbolised(struct heap *heap)
{
	size_t count = 0;

	free(heap->unsymbolised);
	heap->unsymbolised = calloc(heap->modules.count + 1, sizeof(*heap->unsymbolised));
	for (size_t i = 0; heap->unsymbolised && i < heap->modules.count; i++)
		if (heap->modules.all[i]->unsymbolised)
			heap->unsymbolised[count++] = heap->modules.all[i]->path;
	heap->ledger.unsymbolised_modules = heap->unsymbolised;
	heap->ledger.unsymbolised_module_count = count;
}

const struct heap_ledger *heap_ledger(const struct heap *heap)
{
	struct heap *mine = (struct heap *)heap; /* the list is made on demand */

	list_unsymbolised(mine);
	mine->ledger.notes = (const char *const *)heap->notes.list;
	mine->ledger.note_count = heap->notes.count;
	return &heap->ledger;
}

void heap_threads(const struct heap *heap, uint64_t *live, uint64_t *total)
{
	*live = heap->threads_live;
	*total = heap->threads_total;
}
