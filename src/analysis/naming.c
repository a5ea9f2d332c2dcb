/* An event's site: the stack it came from, and by which name the program called. */
#include "naming.h"

/* How many of the innermost frames are wrappers'. */
static unsigned wrappers(const struct heap *heap, const struct site_key *key)
{
	unsigned k = 0;
	uint32_t stack = key->stack;
	const struct frame *frame;

	while ((frame = site_walk(&heap->sites, &stack)) && frame->named != CATALOG_NONE)
		k++;
	return k;
}

/* The wrapper met on the way whose frame is the outermost one's: a name whose slot
 * is no other's is of a wrapper that returned without an event. */
static const struct record_name *outermost_name(const struct record_call *call,
                                                const struct unwound *stack, unsigned k)
{
	const struct record_name *names = record_names(call);
	taddr_t slot = k == 0 ? call->slot : stack->frames[k].regs.sp - sizeof(taddr_t);

	if (k >= stack->count)
		return NULL;
	for (unsigned i = 0; i < call->name_count; i++)
		if (names[i].slot == slot)
			return &names[i];
	return NULL;
}

/* What the call instruction says that the caller of the innermost k frames did. */
static int called_name(struct heap *heap, const struct site *site, unsigned k)
{
	const struct frame *caller = site_frame_at(&heap->sites, site->stack, k);

	return caller && caller->module && !caller->exact ?
	               resolve_called_name(heap->resolver, caller->module, caller->addr) :
	               CATALOG_NONE;
}

static bool is_alias(const struct aliases *aliases, int entry)
{
	for (unsigned i = 0; i < aliases->count; i++)
		if (aliases->entries[i] == entry)
			return true;
	return false;
}

/* How the program called it: by the outermost of the wrappers around it, one that
 * jumped on (operator new[]) included, else by the name of the function itself. */
static int entry_of(struct heap *heap, const struct site *site, unsigned k,
                    const struct aliases *aliases)
{
	bool is_operator = catalog_is_operator(site->entry);
	int called;

	if (site->call_name != CATALOG_NONE)
		return site->call_name;
	if (!k && !aliases->count && !is_operator)
		return site->entry;
	called = called_name(heap, site, k);
	if (called != CATALOG_NONE &&
	    (k ? catalog_is_name(called) :
	         is_alias(aliases, called) || (is_operator && catalog_is_operator(called))))
		return called;
	return k ? site_frame_at(&heap->sites, site->stack, k - 1)->named : site->entry;
}

static void name_site(struct heap *heap, struct site *site, unsigned k,
                      const struct aliases *aliases)
{
	site->folded = k;
	site->entry = entry_of(heap, site, k, aliases);
	site->view.function = catalog[site->entry].name;
	site->view.symbol = catalog[site->entry].symbol;
}

static void lose_stack(struct view *view)
{
	view->stack.count = 0;
	view->stack.truncated = true;
}

/* start: where the walk begins, whose pc the stack's first word holds when it is 0. */
static void take_stack(struct heap *heap, struct view *view, const struct record_stack *stack,
                       struct unwound_frame start)
{
	bool has_other = stack->other_len &&
	                 image_apply(&view->other, stack->other_addr, stack->bytes + stack->len,
	                             stack->other_len, stack->other_addr + stack->other_len);

	if (stack->end == stack->addr ||
	    !image_apply(&view->image, stack->addr, stack->bytes, stack->len, stack->end) ||
	    (!start.regs.pc && !image_read(&view->image, stack->addr, &start.regs.pc,
	                                   sizeof(start.regs.pc)))) {
		lose_stack(view);
		return;
	}
	if (has_other || view->on_other)
		view->stack.count = 0; /* frames of two stacks: nothing is known unchanged */
	view->on_other = has_other;
	unwind(heap->unwinder, &view->image, has_other ? &view->other : NULL, &start,
	       stack->addr + stack->len, &view->stack);
}

/* Now, for the process may be gone when the frame is printed. */
static void find_region(struct heap *heap, struct frame *frame)
{
	if (frame->module || frame->region_sought)
		return;
	frame->region_sought = true;
	frame->region = regions_at(&heap->regions, heap->program.pid, frame->addr - !frame->exact);
}

/* False: no memory. From the bottom, for what is known there since the last walk stays. */
static bool intern_stack(struct heap *heap, struct view *view, uint32_t *stack)
{
	const struct unwound *unwound = &view->stack;
	uint32_t callers = view->tag, number;

	for (unsigned i = unwound->count; i-- > 0; callers = unwound->frames[i].stack) {
		if (unwound->frames[i].stack)
			continue;
		number = site_frame(&heap->sites, &unwound->frames[i]);
		if (!number)
			return false;
		find_region(heap, &heap->sites.frames[number - 1]);
		unwound->frames[i].stack = site_stack(&heap->sites, number, callers);
		if (!unwound->frames[i].stack)
			return false;
	}
	*stack = callers;
	return true;
}

uint32_t naming_site(struct heap *heap, struct view *view, const struct record_return *record,
                     const struct function *function, uint64_t *size)
{
	struct site_key key = { .entry = function->entry, .name = CATALOG_NONE };
	const struct record_name *name;
	unsigned k;
	uint32_t index;
	bool is_new;

	take_stack(heap, view, &record->stack, (struct unwound_frame){ .regs = record->frame });
	heap->ledger.truncated_stacks += view->stack.truncated;
	if (!intern_stack(heap, view, &key.stack))
		return SITE_NONE;
	k = wrappers(heap, &key);
	name = outermost_name(&record->call, &view->stack, k);
	if (name) {
		key.name = heap->functions.list[name->function].entry;
		*size = name->arg;
	}
	index = site_intern(&heap->sites, &key, &is_new);
	if (is_new)
		name_site(heap, &heap->sites.sites[index], k, &function->aliases);
	return index;
}

uint32_t naming_entered_site(struct heap *heap, struct view *view,
                             const struct record_entered *record, int entry)
{
	/* beyond the catalogue and what maps */
	struct site_key key = { .entry = (int)catalog_count + MAP_CALLS + entry,
		                .name = CATALOG_NONE };
	struct site_key callers;
	uint32_t index;
	bool is_new;

	take_stack(heap, view, &record->stack,
	           (struct unwound_frame){ .regs = record->frame, .exact = true });
	if (!intern_stack(heap, view, &key.stack) || !key.stack)
		return SITE_NONE;
	index = site_intern(&heap->sites, &key, &is_new);
	if (!is_new)
		return index;
	callers = key;
	site_walk(&heap->sites, &callers.stack); /* but for the function itself */
	heap->sites.sites[index].folded = 1 + wrappers(heap, &callers);
	heap->sites.sites[index].view.function = catalog[entry].name;
	return index;
}

uint32_t naming_caller_site(struct heap *heap, int entry, taddr_t caller)
{
	const struct unwound_frame frame = { .regs = { .pc = caller } };
	/* as above; with no function's frame in it the stack is no other's */
	struct site_key key = { .entry = (int)catalog_count + MAP_CALLS + entry,
		                .name = CATALOG_NONE };
	uint32_t number = caller ? site_frame(&heap->sites, &frame) : 0, index;
	bool is_new;

	if (!number)
		return SITE_NONE;
	find_region(heap, &heap->sites.frames[number - 1]);
	key.stack = site_stack(&heap->sites, number, 0);
	index = key.stack ? site_intern(&heap->sites, &key, &is_new) : SITE_NONE;
	if (index != SITE_NONE && is_new)
		heap->sites.sites[index].view.function = catalog[entry].name;
	return index;
}

uint32_t naming_map_site(struct heap *heap, struct view *view, const struct record_map *record)
{
	/* beyond the catalogue */
	struct site_key key = { .entry = (int)catalog_count + record->call.kind,
		                .name = CATALOG_NONE };
	uint32_t index;
	bool is_new;

	take_stack(heap, view, &record->stack,
	           (struct unwound_frame){ .regs = record->frame, .exact = true });
	heap->maps.truncated_stacks += view->stack.truncated;
	if (!intern_stack(heap, view, &key.stack))
		return SITE_NONE;
	index = site_intern(&heap->sites, &key, &is_new);
	if (is_new)
		heap->sites.sites[index].view.function = map_call_name(record->call.kind);
	return index;
}

static bool is_operator(const struct function *function)
{
	for (unsigned i = 0; i < function->aliases.count; i++)
		if (catalog_is_operator(function->aliases.entries[i]))
			return true;
	return catalog_is_operator(function->entry);
}

/* An operator may have jumped on to another. */
int naming_free(struct heap *heap, const struct function *function, taddr_t caller)
{
	struct module *module = caller ? module_at(&heap->modules, caller) : NULL;
	uint64_t *known = module ? table_put(&heap->free_names, caller) : NULL;
	int called;

	if (!known)
		return function->entry;
	if (!*known)
		*known = 2 + resolve_called_name(heap->resolver, module, caller);
	called = (int)*known - 2;
	if (called == CATALOG_NONE || catalog_kind(called) != HEAP_FREE)
		return function->entry;
	return is_alias(&function->aliases, called) ||
	                       (catalog_is_operator(called) && is_operator(function)) ?
	               called :
	               function->entry;
}
