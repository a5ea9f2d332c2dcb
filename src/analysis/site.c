#include "site.h"

#include <stdlib.h>
#include <string.h>

#include "catalog.h"

static void view_clear(struct heap_frame *view)
{
	free((char *)view->function);
	free((char *)view->symbol);
}

void site_forget_names(struct frame *frame)
{
	for (size_t i = 0; i < frame->view_count; i++)
		view_clear(&frame->views[i]);
	free(frame->views);
	frame->views = NULL;
	frame->view_count = 0;
}

void sites_clear(struct sites *sites)
{
	for (size_t i = 0; i < sites->frame_count; i++)
		site_forget_names(&sites->frames[i]);
	sites->count = sites->frame_count = sites->stack_count = 0;
	table_clear(&sites->frame_by_key);
	table_clear(&sites->stack_by_key);
	table_clear(&sites->site_by_key);
}

void sites_deinit(struct sites *sites)
{
	sites_clear(sites);
	free(sites->sites);
	free(sites->stacks);
	free(sites->frames);
	table_deinit(&sites->frame_by_key);
	table_deinit(&sites->stack_by_key);
	table_deinit(&sites->site_by_key);
}

static struct frame frame_copy(const struct frame *from)
{
	return (struct frame){ .module = from->module, .addr = from->addr, .exact = from->exact,
		               .named = from->named, .label = from->label, .region = from->region,
		               .region_sought = from->region_sought };
}

static struct site site_copy(const struct site *from)
{
	const struct heap_site *was = &from->view;
	struct site site = *from;

	site.peak = 0;
	site.counters = (struct site_counters){ 0 };
	site.inherited = was->live_bytes;
	site.forgotten = site.forgotten_blocks = 0;
	site.view = (struct heap_site){ .id = was->id, .function = was->function,
		                        .symbol = was->symbol,
		                        .live_blocks = was->live_blocks,
		                        .live_bytes = was->live_bytes,
		                        .peak_bytes = was->live_bytes };
	return site;
}

static bool tables_copy(struct sites *sites, const struct sites *from)
{
	return table_copy(&sites->frame_by_key, &from->frame_by_key) &&
	       table_copy(&sites->stack_by_key, &from->stack_by_key) &&
	       table_copy(&sites->site_by_key, &from->site_by_key);
}

bool sites_copy(struct sites *sites, const struct sites *from)
{
	bool whole = tables_copy(sites, from);

	sites->frames = malloc((from->frame_count + 1) * sizeof(*sites->frames));
	sites->stacks = malloc((from->stack_count + 1) * sizeof(*sites->stacks));
	sites->sites = malloc((from->count + 1) * sizeof(*sites->sites));
	if (!whole || !sites->frames || !sites->stacks || !sites->sites) {
		sites_deinit(sites);
		*sites = (struct sites){ .modules = sites->modules };
		return false;
	}
	sites->frame_capacity = from->frame_count + 1;
	sites->stack_capacity = from->stack_count + 1;
	sites->capacity = from->count + 1;
	for (; sites->frame_count < from->frame_count; sites->frame_count++)
		sites->frames[sites->frame_count] = frame_copy(&from->frames[sites->frame_count]);
	for (; sites->stack_count < from->stack_count; sites->stack_count++)
		sites->stacks[sites->stack_count] = from->stacks[sites->stack_count];
	for (; sites->count < from->count; sites->count++)
		sites->sites[sites->count] = site_copy(&from->sites[sites->count]);
	return true;
}

/* Room for one more, in small steps: what is not used counts too. */
static bool make_room(void **list, size_t count, size_t *capacity, size_t size)
{
	size_t wanted = *capacity + *capacity / 8 + 256;
	void *grown;

	if (count < *capacity)
		return true;
	grown = realloc(*list, wanted * size);
	if (!grown)
		return false;
	*list = grown;
	*capacity = wanted;
	return true;
}

/* ---- frames ---------------------------------------------------------------- */

static int named_in(const struct module *module, taddr_t addr, bool exact)
{
	taddr_t at = addr - !exact; /* in the call, not behind it */

	for (size_t i = 0; module && i < module->named_count; i++)
		if (at >= module->named[i].begin && at < module->named[i].end)
			return module->named[i].entry;
	return CATALOG_NONE;
}

/* A module's place in memory is part of its identity, so its own address of a
 * frame is enough: 2^47 addresses, doubled for exactness. */
static uint64_t frame_key(const struct module *module, const struct unwound_frame *frame)
{
	uint64_t id = module ? (uintptr_t)module >> 4 : 0;

	return (id * 0x9e3779b97f4a7c15u ^ frame->regs.pc) << 1 | frame->exact;
}

static uint32_t frame_new(struct sites *sites, const struct frame *frame)
{
	if (!make_room((void **)&sites->frames, sites->frame_count, &sites->frame_capacity,
	               sizeof(*frame)))
		return 0;
	sites->frames[sites->frame_count] = *frame;
	sites->frames[sites->frame_count].named = named_in(frame->module, frame->addr, frame->exact);
	return ++sites->frame_count;
}

uint32_t site_frame(struct sites *sites, const struct unwound_frame *unwound)
{
	struct module *module = module_at(sites->modules, unwound->regs.pc - !unwound->exact);
	struct frame frame = { .module = module, .addr = unwound->regs.pc,
		               .exact = unwound->exact };
	uint64_t key = frame_key(module, unwound);
	uint64_t *number;

	for (;; key++) {
		number = table_put(&sites->frame_by_key, key ? key : 1);
		if (!number)
			return 0;
		if (!*number)
			return *number = frame_new(sites, &frame);
		if (sites->frames[*number - 1].module == module &&
		    sites->frames[*number - 1].addr == frame.addr &&
		    sites->frames[*number - 1].exact == frame.exact)
			return *number;
	}
}

/* ---- stacks ------------------------------------------------------------------ */

/* A key of two numbers, each pair's own: the steps can be taken back. The table alone would
 * hardly look at the first one. */
static uint64_t pair(uint32_t first, uint32_t second)
{
	uint64_t key = (uint64_t)first << 32 | (first ^ second);

	key *= 0xff51afd7ed558ccdu;
	return key ^ key >> 32;
}

uint32_t site_stack(struct sites *sites, uint32_t frame, uint32_t callers)
{
	uint64_t *number = table_put(&sites->stack_by_key, pair(frame, callers));

	if (!number || *number)
		return number ? *number : 0;
	if (!make_room((void **)&sites->stacks, sites->stack_count, &sites->stack_capacity,
	               sizeof(*sites->stacks)))
		return 0;
	sites->stacks[sites->stack_count] = (struct stack){ frame, callers };
	return *number = ++sites->stack_count;
}

struct frame *site_walk(const struct sites *sites, uint32_t *stack)
{
	const struct stack *at = *stack ? &sites->stacks[*stack - 1] : NULL;

	if (!at)
		return NULL;
	*stack = at->callers;
	return &sites->frames[at->frame - 1];
}

struct frame *site_frame_at(const struct sites *sites, uint32_t stack, unsigned outwards)
{
	struct frame *frame = site_walk(sites, &stack);

	while (frame && outwards--)
		frame = site_walk(sites, &stack);
	return frame;
}

/* ---- sites ------------------------------------------------------------------- */

uint32_t site_intern(struct sites *sites, const struct site_key *key, bool *is_new)
{
	uint32_t names = (uint32_t)(key->entry + 1) << 16 | (uint32_t)(key->name + 1);
	uint64_t *number = table_put(&sites->site_by_key, pair(names, key->stack));

	*is_new = false;
	if (!number || *number)
		return number ? *number - 1 : SITE_NONE;
	if (!make_room((void **)&sites->sites, sites->count, &sites->capacity,
	               sizeof(*sites->sites)))
		return SITE_NONE;
	*is_new = true;
	sites->sites[sites->count] = (struct site){ .call_entry = key->entry,
		                                    .call_name = key->name,
		                                    .entry = key->entry, .stack = key->stack,
		                                    .view.id = sites->count + 1 };
	*number = sites->count + 1;
	return sites->count++;
}
