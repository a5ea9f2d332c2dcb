/* The modules of a recording, and the functions found in them. */
#include <stdlib.h>
#include <string.h>

#include "kept.h"

/* ---- saving ---------------------------------------------------------------------------- */

/* Place + 1 in the list; 0: none. */
static size_t number_of(const struct modules *modules, const struct module *module)
{
	for (size_t i = modules->count; module && i-- > 0;)
		if (modules->all[i] == module)
			return i + 1;
	return 0;
}

static void save_module(const struct module *module, struct wire *to)
{
	wire_text(to, module->path);
	wire_text(to, module->elf.build_id);
	wire_number(to, module->begin);
	wire_number(to, module->end);
	wire_number(to, module->bias);
	wire_number(to, module->is_loader);
	wire_number(to, module->is_glibc);
	wire_number(to, module->map_calls);
	wire_number(to, module->any_calls);
}

static void save_function(const struct heap *heap, const struct function *function, struct wire *to)
{
	wire_number(to, number_of(&heap->modules, function->module));
	wire_number(to, function->addr);
	kept_save_entry(function->entry, to);
	wire_text(to, function->table);
	wire_number(to, function->traps);
	wire_text(to, function->two_stops);
	wire_number(to, function->calls);
	wire_number(to, function->trial.trust);
	wire_number(to, function->trial.fitted);
	wire_number(to, function->trial.whole);
}

static void save_bound(struct heap *heap, struct wire *to)
{
	const struct table_slot *slot;

	model_read_bound(heap);
	wire_number(to, heap->bound.known);
	wire_number(to, heap->bound.all.used);
	for (size_t at = 0; (slot = table_next(&heap->bound.all, &at));) {
		wire_number(to, slot->key);
		wire_number(to, slot->value);
	}
}

void kept_save_modules(struct heap *heap, struct wire *to)
{
	const struct modules *modules = &heap->modules;

	wire_number(to, modules->count);
	for (size_t i = 0; i < modules->count; i++)
		save_module(modules->all[i], to);
	wire_number(to, modules->mapped_count);
	for (size_t i = 0; i < modules->mapped_count; i++)
		wire_number(to, number_of(modules, modules->mapped[i]));
	wire_number(to, heap->functions.count);
	for (size_t i = 0; i < heap->functions.count; i++)
		save_function(heap, &heap->functions.list[i], to);
	save_bound(heap, to);
}

/* ---- loading --------------------------------------------------------------------------- */

static struct module *module_new(struct wire_reader *from)
{
	struct module *module = calloc(1, sizeof(*module));

	if (!module)
		return NULL;
	module->elf.fd = -1;
	module->users = 1;
	module->path = wire_take_text(from);
	if (module->path)
		return module;
	free(module);
	return NULL;
}

static struct module *add_module(struct modules *modules, struct wire_reader *from)
{
	struct module **all = realloc(modules->all, (modules->count + 1) * sizeof(*all));
	struct module *module;

	if (all)
		modules->all = all;
	module = all ? module_new(from) : NULL;
	if (module)
		modules->all[modules->count++] = module;
	return module;
}

/* The same one as before, for modules are only added. */
static struct module *known_module(struct module *module, struct wire_reader *from)
{
	char *path = wire_take_text(from);
	bool same = path && strcmp(path, module->path) == 0;

	free(path);
	return same ? module : NULL;
}

static bool load_module(struct modules *modules, size_t i, struct wire_reader *from)
{
	struct module *module = i < modules->count ? known_module(modules->all[i], from) :
	                                             add_module(modules, from);
	char *build_id = module ? wire_take_text(from) : NULL;

	if (!build_id || strlen(build_id) >= sizeof(module->elf.build_id)) {
		free(build_id);
		return false;
	}
	strcpy(module->elf.build_id, build_id);
	free(build_id);
	module->begin = wire_take_most(from, SANE);
	module->end = wire_take_most(from, SANE);
	module->bias = wire_take_number(from);
	module->is_loader = wire_take_flag(from);
	module->is_glibc = wire_take_flag(from);
	module->map_calls = (unsigned)wire_take_most(from, UINT32_MAX);
	module->any_calls = (unsigned)wire_take_most(from, UINT32_MAX);
	return !from->failed;
}

/* By address, which is how they are looked for. */
static bool load_mapped(struct modules *modules, struct wire_reader *from)
{
	size_t count = wire_take_count(from, 1);
	struct module **mapped = calloc(count + 1, sizeof(*mapped));
	taddr_t last = 0;

	free(modules->mapped);
	modules->mapped = mapped;
	modules->mapped_count = 0;
	for (size_t i = 0; mapped && i < count; i++) {
		size_t number = wire_take_most(from, modules->count);

		if (!number || modules->all[number - 1]->begin < last)
			return false;
		mapped[i] = modules->all[number - 1];
		last = mapped[i]->begin;
		modules->mapped_count++;
	}
	return mapped && !from->failed;
}

static bool load_function(struct heap *heap, struct function *function, struct wire_reader *from)
{
	size_t module = wire_take_most(from, heap->modules.count);

	*function = (struct function){ 0 };
	function->addr = wire_take_number(from);
	function->entry = kept_entry(heap, from);
	function->table = kept_take(heap, from);
	function->traps = (unsigned)wire_take_most(from, UINT32_MAX);
	function->two_stops = kept_take(heap, from);
	function->calls = wire_take_number(from);
	function->trial.trust = wire_take_most(from, HEAP_REFUTED);
	function->trial.fitted = (unsigned)wire_take_most(from, UINT32_MAX);
	function->trial.whole = wire_take_flag(from);
	if (!module || function->entry == CATALOG_NONE)
		return false;
	function->module = heap->modules.all[module - 1];
	return !from->failed;
}

static bool load_functions(struct heap *heap, struct wire_reader *from)
{
	size_t count = wire_take_count(from, 7);
	struct function *list = calloc(count + 1, sizeof(*list));

	free(heap->functions.list);
	heap->functions = (struct functions){ .list = list };
	for (; list && heap->functions.count < count; heap->functions.count++)
		if (!load_function(heap, &list[heap->functions.count], from))
			return false;
	return list && !from->failed;
}

static bool load_bound(struct bound *bound, struct wire_reader *from)
{
	size_t count;
	uint64_t *at;

	bound->known = wire_take_flag(from);
	count = wire_take_count(from, 2);
	table_clear(&bound->all);
	for (size_t i = 0; i < count; i++) {
		uint64_t key = wire_take_number(from);

		at = key ? table_put(&bound->all, key) : NULL;
		if (!at)
			return false;
		*at = wire_take_number(from);
	}
	return !from->failed;
}

/* Frames can be told of before the module they are in. */
static void place_frames(struct heap *heap)
{
	const struct kept *kept = heap->kept;

	for (size_t i = 0; i < kept->frame_module_count; i++)
		if (kept->frame_modules[i] && kept->frame_modules[i] <= heap->modules.count)
			heap->sites.frames[i].module =
				heap->modules.all[kept->frame_modules[i] - 1];
}

bool kept_load_modules(struct heap *heap, struct wire_reader *from)
{
	size_t count = wire_take_count(from, 8);

	if (count < heap->modules.count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (!load_module(&heap->modules, i, from))
			return false;
	if (!load_mapped(&heap->modules, from) || !load_functions(heap, from) ||
	    !load_bound(&heap->bound, from))
		return false;
	place_frames(heap);
	return true;
}
