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
	for (unsigned i = heap->raw_stacks ? 0 : site->folded; i < site->frame_count; i++) {
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
