/* Answers for heap.h. */
#include <stdlib.h>
#include <string.h>

#include "debugfile.h"
#include "fold.h"
#include "kept.h"
#include "model.h"
#include "origin.h"
#include "progress.h"
#include "shortage.h"
#include "symbol.h"
#include "trust.h"

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

/* ---- names -------------------------------------------------------------------- */

/* False: no memory. */
static bool make_views(struct frame *frame, size_t count)
{
	frame->views = calloc(count, sizeof(*frame->views));
	frame->view_count = frame->views ? count : 0;
	return frame->views;
}

static void resolve_without_module(struct frame *frame)
{
	if (!make_views(frame, 1))
		return;
	frame->views->address = frame->addr;
	frame->views->function = frame->label ? strdup(frame->label) : NULL;
	frame->views->module = frame->region ? frame->region->name : NULL;
	frame->views->offset =
		frame->label ? 0 : frame->addr - (frame->region ? frame->region->begin : 0);
}

static struct heap_frame view_of_symbol(const struct frame *frame, const struct symbol *symbol)
{
	return (struct heap_frame){
		.address = frame->addr,
		.module = frame->module->path,
		.build_id = frame->module->elf.build_id[0] ? frame->module->elf.build_id : NULL,
		.function = symbol->function,
		.symbol = symbol->name,
		.offset = symbol->offset,
		.file = symbol->file,
		.line = symbol->line,
		.inlined = symbol->inlined,
	};
}

static void resolve_in_module(struct heap *heap, struct frame *frame)
{
	const struct symbol whole = { .offset = module_file_address(frame->module, frame->addr) };
	size_t count;
	struct symbol *symbols = heap->kept ? kept_symbols(heap, frame, &count) :
	                         symbols_of(frame->module, frame->addr, frame->exact, &count);
	bool has_room = make_views(frame, count ? count : 1);

	for (size_t i = 0; i < count; i++)
		if (has_room)
			frame->views[i] = view_of_symbol(frame, &symbols[i]);
		else
			symbol_free(&symbols[i]);
	if (has_room && !count)
		*frame->views = view_of_symbol(frame, &whole);
	free(symbols);
}

/* Modules that stacks go through, and those of them whose symbols were read. */
static size_t count_modules(const struct heap *heap, size_t *open)
{
	size_t count = 0;

	*open = 0;
	for (size_t i = 0; i < heap->sites.frame_count; i++)
		if (heap->sites.frames[i].module)
			heap->sites.frames[i].module->in_stacks = true;
	for (size_t i = 0; i < heap->modules.count; i++) {
		count += heap->modules.all[i]->in_stacks;
		*open += symbol_is_open(heap->modules.all[i]);
	}
	return count;
}

static void resolve(struct heap *heap, struct frame *frame)
{
	struct module *module = frame->module;
	size_t count, open;

	if (!module) {
		resolve_without_module(frame);
	} else if (heap->kept || (symbol_is_open(module) && !symbol_may_know_more(module))) {
		resolve_in_module(heap, frame);
	} else {
		origin_check(heap, module);
		count = count_modules(heap, &open);
		progress_begin(module->path, open + 1, count);
		resolve_in_module(heap, frame);
		progress_end();
		if (debugfile_server_silent())
			heap_note(heap, "a debuginfod server did not answer and was asked no more");
	}
}

void frame_resolve(struct heap *heap, struct frame *frame)
{
	struct module *module = frame->module;

	if (frame->views && (!module || (frame->reopened == module->reopened &&
	                                 !symbol_may_know_more(module))))
		return;
	site_forget_names(frame);
	resolve(heap, frame);
	frame->reopened = module ? module->reopened : 0;
}

struct listed { /* what heap_stack hands out */
	struct heap_frame *frames;
	size_t count, capacity;
};

static bool list_add(struct listed *list, const struct heap_frame *frame)
{
	size_t capacity = list->capacity ? list->capacity * 2 : 64;
	struct heap_frame *grown;

	if (list->count == list->capacity) {
		grown = realloc(list->frames, capacity * sizeof(*grown));
		if (!grown)
			return false;
		list->frames = grown;
		list->capacity = capacity;
	}
	list->frames[list->count++] = *frame;
	return true;
}

/* Without the first frames, as many as skipped says. */
static const struct heap_frame *list_stack(struct heap *heap, const struct site *site,
                                           unsigned skipped, size_t *count)
{
	static struct listed list;
	uint32_t stack = site->stack;
	struct frame *frame;
	bool whole = true;

	list.count = 0;
	for (unsigned i = 0; whole && (frame = site_walk(&heap->sites, &stack)); i++) {
		if (i < skipped)
			continue;
		frame_resolve(heap, frame);
		for (size_t in = 0; whole && in < frame->view_count; in++)
			whole = list_add(&list, &frame->views[in]);
	}
	progress_erase();
	*count = list.count;
	return list.count ? list.frames : NULL;
}

const struct heap_frame *heap_whole_stack(struct heap *heap, uint32_t id, size_t *count)
{
	const struct site *site = &heap->sites.sites[id - 1];

	return list_stack(heap, site, site->folded, count);
}

const struct heap_frame *heap_stack(struct heap *heap, uint32_t id, size_t *count)
{
	const struct heap_frame *stack;

	if (heap->options.raw_stacks)
		return list_stack(heap, &heap->sites.sites[id - 1], 0, count);
	stack = heap_whole_stack(heap, id, count);
	while (*count > 1 && fold_is_wrapper(stack->function)) {
		stack++;
		--*count;
	}
	return stack;
}

const char *heap_code_name(struct heap *heap, taddr_t addr, uint64_t *offset)
{
	static char *name;
	struct module *module = heap->kept ? NULL : module_at(&heap->modules, addr);
	size_t count = 0;
	struct symbol *list = module ? symbols_of(module, addr, true, &count) : NULL;

	free(name);
	name = count && list[count - 1].function ? strdup(list[count - 1].function) : NULL;
	*offset = count ? list[count - 1].offset : 0;
	for (size_t i = 0; i < count; i++)
		symbol_free(&list[i]);
	free(list);
	return name;
}

/* ---- the ledger --------------------------------------------------------------- */

/* By the stacks of this heap: others have asked for names in the same module. */
static void mark_unsymbolised(struct heap *heap)
{
	for (size_t i = 0; i < heap->modules.count; i++)
		heap->modules.all[i]->unsymbolised = false;
	for (size_t i = 0; i < heap->sites.frame_count; i++) {
		const struct frame *frame = &heap->sites.frames[i];

		if (frame->views && frame->module)
			frame->module->unsymbolised |= !frame->views[frame->view_count - 1].function;
	}
}

static void list_unsymbolised(struct heap *heap)
{
	size_t count = 0;

	mark_unsymbolised(heap);
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
	trust_tell(mine);
	mine->ledger.notes = (const char *const *)heap->notes.list;
	mine->ledger.note_count = heap->notes.count;
	if (shortage_count())
		heap->notes.list[mine->ledger.note_count++] =
			"alloctrace ran out of memory: figures may be too low and names missing";
	return &heap->ledger;
}

void heap_threads(const struct heap *heap, uint64_t *live, uint64_t *total)
{
	*live = heap->threads_live;
	*total = heap->threads_total;
}

bool heap_server_is_silent(void)
{
	return debugfile_server_silent();
}

void heap_ask_server(bool ask)
{
	debugfile_ask_server(ask);
}

void heap_give_up_on_server(void)
{
	debugfile_give_up_on_server();
}
