/* The frames, stacks and sites of a recording: each once, in the order they came. */
#include <stdlib.h>
#include <string.h>

#include "kept.h"

/* What a site is of, beside its function: see naming.c. */
enum { OF_CALL, OF_MAP, OF_FREE };

uint32_t heap_image(const struct heap *heap)
{
	return heap->image_number;
}

static uint32_t module_number(const struct modules *modules, const struct module *module)
{
	for (size_t i = modules->count; module && i-- > 0;)
		if (modules->all[i] == module)
			return i + 1;
	return 0;
}

static void save_frame(const struct heap *heap, const struct frame *frame, struct wire *to)
{
	wire_number(to, frame->addr);
	wire_number(to, frame->exact);
	wire_number(to, module_number(&heap->modules, frame->module));
	if (frame->module)
		return;
	wire_text(to, frame->label);
	wire_text(to, frame->region ? frame->region->name : NULL);
	wire_number(to, frame->region ? frame->region->begin : 0);
}

static void save_site(const struct site *site, struct wire *to)
{
	int beyond = site->entry - (int)catalog_count;

	wire_number(to, site->stack);
	wire_number(to, site->folded);
	wire_number(to, beyond < 0 ? OF_CALL : beyond < MAP_CALLS ? OF_MAP : OF_FREE);
	if (beyond < 0)
		kept_save_entry(site->entry, to);
	else if (beyond < MAP_CALLS)
		wire_number(to, beyond);
	else
		kept_save_entry(beyond - MAP_CALLS, to);
}

bool heap_save_sites(const struct heap *heap, struct heap_saved *saved, struct wire *to)
{
	const struct sites *sites = &heap->sites;

	if (saved->frames == sites->frame_count && saved->stacks == sites->stack_count &&
	    saved->sites == sites->count)
		return false;
	wire_number(to, sites->frame_count - saved->frames);
	for (; saved->frames < sites->frame_count; saved->frames++)
		save_frame(heap, &sites->frames[saved->frames], to);
	wire_number(to, sites->stack_count - saved->stacks);
	for (; saved->stacks < sites->stack_count; saved->stacks++) {
		wire_number(to, sites->stacks[saved->stacks].frame);
		wire_number(to, sites->stacks[saved->stacks].callers);
	}
	wire_number(to, sites->count - saved->sites);
	for (; saved->sites < sites->count; saved->sites++)
		save_site(&sites->sites[saved->sites], to);
	return true;
}

/* ---- loading --------------------------------------------------------------------------- */

/* Room for more behind what is there. False: no memory. */
static bool make_room(void *list, size_t count, size_t more, size_t *capacity, size_t size)
{
	size_t wanted = count + more;
	void *grown;

	if (wanted <= *capacity)
		return true;
	wanted += count / 2;
	grown = realloc(*(void **)list, wanted * size);
	if (!grown)
		return false;
	*(void **)list = grown;
	*capacity = wanted;
	return true;
}

static bool load_region(struct heap *heap, struct frame *frame, struct wire_reader *from)
{
	char *name = wire_take_text(from);
	taddr_t begin = wire_take_number(from);
	struct region *region = name ? calloc(1, sizeof(*region)) : NULL;

	if (!region) {
		free(name);
		return !name;
	}
	*region = (struct region){ .begin = begin, .name = name, .users = 1,
		                   .next = heap->regions.list };
	heap->regions.list = region;
	frame->region = region;
	return true;
}

static bool load_frame(struct heap *heap, uint32_t *module_of, struct wire_reader *from)
{
	struct frame *frame = &heap->sites.frames[heap->sites.frame_count];

	*frame = (struct frame){ .named = CATALOG_NONE, .region_sought = true };
	frame->addr = wire_take_number(from);
	frame->exact = wire_take_flag(from);
	*module_of = wire_take_most(from, UINT32_MAX);
	if (*module_of && *module_of <= heap->modules.count)
		frame->module = heap->modules.all[*module_of - 1];
	if (*module_of)
		return true;
	frame->label = kept_take(heap, from);
	return load_region(heap, frame, from);
}

static bool load_frames(struct heap *heap, struct wire_reader *from)
{
	size_t count = wire_take_count(from, 3), had = heap->sites.frame_count;
	struct kept *kept = heap->kept;
	uint32_t *modules = realloc(kept->frame_modules, (had + count + 1) * sizeof(*modules));

	if (modules)
		kept->frame_modules = modules;
	if (!modules || !make_room(&heap->sites.frames, had, count, &heap->sites.frame_capacity,
	                           sizeof(*heap->sites.frames)))
		return false;
	for (size_t i = had; i < had + count; i++) {
		if (!load_frame(heap, &modules[i], from))
			return false;
		kept->frame_module_count = ++heap->sites.frame_count;
	}
	return true;
}

/* Callers came before: no stack goes round in a circle. */
static bool load_stacks(struct sites *sites, struct wire_reader *from)
{
	size_t count = wire_take_count(from, 2);

	if (!make_room(&sites->stacks, sites->stack_count, count, &sites->stack_capacity,
	               sizeof(*sites->stacks)))
		return false;
	for (size_t i = 0; i < count; i++) {
		struct stack *stack = &sites->stacks[sites->stack_count];

		stack->frame = wire_take_most(from, sites->frame_count);
		stack->callers = wire_take_most(from, sites->stack_count);
		if (!stack->frame)
			return false;
		sites->stack_count++;
	}
	return true;
}

static bool name_site(const struct heap *heap, struct site *site, struct wire_reader *from)
{
	unsigned of = wire_take_most(from, OF_FREE), kind;

	if (of == OF_MAP) {
		kind = wire_take_most(from, MAP_CALLS - 1);
		site->view.function = kind ? map_call_name(kind) : NULL;
		return kind;
	}
	site->entry = kept_entry(heap, from);
	if (site->entry == CATALOG_NONE)
		return false;
	site->view.function = catalog[site->entry].name;
	site->view.symbol = of == OF_CALL ? catalog[site->entry].symbol : NULL;
	return true;
}

static bool load_sites(struct heap *heap, struct wire_reader *from)
{
	struct sites *sites = &heap->sites;
	size_t count = wire_take_count(from, 4);

	if (!make_room(&sites->sites, sites->count, count, &sites->capacity,
	               sizeof(*sites->sites)))
		return false;
	for (size_t i = 0; i < count; i++) {
		struct site *site = &sites->sites[sites->count];

		*site = (struct site){ .view.id = sites->count + 1 };
		site->stack = wire_take_most(from, sites->stack_count);
		site->folded = wire_take_most(from, UINT16_MAX);
		if (!name_site(heap, site, from))
			return false;
		sites->count++;
	}
	return true;
}

bool replay_load_sites(struct heap *heap, struct wire_reader *from)
{
	return load_frames(heap, from) && load_stacks(&heap->sites, from) &&
	       load_sites(heap, from) && !from->failed;
}
