#include "module.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mapped.h"
#include "proc_maps.h"
#include "symbol.h"

static struct module *find_mapped(const struct modules *modules, const struct mapping *mapping)
{
	for (size_t i = 0; i < modules->mapped_count; i++) {
		struct module *module = modules->mapped[i];

		if (module->begin == mapping->begin && module->inode == mapping->inode &&
		    module->dev == mapping->dev)
			return module;
	}
	return NULL;
}

void module_close(struct module *module)
{
	symbol_close(module);
	elf_close(&module->elf);
	free(module->named);
	starts_deinit(&module->starts);
}

static void module_leave(struct module *module)
{
	if (--module->users)
		return;
	module_close(module);
	free(module->path);
	free(module->origin);
	free(module);
}

static struct module *module_new(pid_t pid, const struct mapping *mapping,
                                 const struct module_events *events)
{
	struct module *module = calloc(1, sizeof(*module));
	int fd = module ? mapped_open(pid, mapping->begin, mapping->end, mapping->name,
	                               mapping->inode) : -ENOMEM;

	if (fd == -ESTALE)
		events->gone_file(events->ctx, mapping->name);
	if (fd < 0 || elf_open(&module->elf, fd) < 0) {
		free(module);
		return NULL;
	}
	module->users = 1;
	module->path = strdup(mapping->name);
	if (!module->path) {
		module_leave(module);
		return NULL;
	}
	module->dev = mapping->dev;
	module->inode = mapping->inode;
	module->begin = mapping->begin;
	module->end = mapping->end;
	if (!module->elf.fixed)
		module->bias = mapping->begin - (module->elf.segments[0].vaddr & ~(taddr_t)0xfff);
	return module;
}

static bool reserve(struct module ***list, size_t count)
{
	struct module **grown = realloc(*list, count * sizeof(*grown) + 1);

	if (grown)
		*list = grown;
	return grown;
}

/* The end of the last segment, as far as the maps show it mapped. */
static void extend(struct module *module, const struct mapping *mapping)
{
	const struct elf_segment *last = &module->elf.segments[module->elf.segment_count - 1];
	taddr_t limit = (module->bias + last->vaddr + last->memsz + 0xfff) & ~(taddr_t)0xfff;

	if (mapping->begin < limit && mapping->end > module->end)
		module->end = mapping->end < limit ? mapping->end : limit;
}

struct scan {
	struct modules *modules;
	const struct module_events *events;
	pid_t pid;
	struct module **fresh;
	size_t fresh_count;
	struct mapping first; /* the offset-0 mapping that may begin a module */
	bool pending;         /* first is no module yet: no executable mapping was seen */
	bool failed;          /* no memory: what is missing here may well be there */
	struct module *current;
};

static struct module *known_or_new(struct scan *scan)
{
	struct module *module = find_mapped(scan->modules, &scan->first);

	if (!module && reserve(&scan->fresh, scan->fresh_count + 1) &&
	    (module = module_new(scan->pid, &scan->first, scan->events)))
		scan->fresh[scan->fresh_count++] = module;
	if (module)
		module->seen = true;
	return module;
}

/* A module is a run of mappings of one file from its offset 0 on, of which one is
 * executable. Anonymous mappings behind it (.bss) belong to it up to its end. */
static void see(struct scan *scan, const struct mapping *mapping)
{
	bool same = mapping->inode && mapping->inode == scan->first.inode &&
	            mapping->dev == scan->first.dev;

	if (mapping->inode && mapping->offset == 0 && (!same || mapping->begin != scan->first.end)) {
		free((char *)scan->first.name);
		scan->first = *mapping;
		scan->first.name = strdup(mapping->name);
		scan->pending = scan->first.name;
		scan->failed |= !scan->first.name;
		scan->current = NULL;
		same = true;
	}
	if (same && mapping->prot & PROT_EXEC && scan->pending) {
		scan->pending = false;
		scan->current = known_or_new(scan);
	}
	if (scan->current && (same || !mapping->inode))
		extend(scan->current, mapping);
}

static int by_address(const void *a, const void *b)
{
	taddr_t x = (*(struct module *const *)a)->begin, y = (*(struct module *const *)b)->begin;

	return x < y ? -1 : x > y;
}

static void drop_gone(struct modules *modules, const struct module_events *events)
{
	size_t kept = 0;

	for (size_t i = 0; i < modules->mapped_count; i++) {
		struct module *module = modules->mapped[i];

		if (module->seen) {
			modules->mapped[kept++] = module;
			continue;
		}
		events->gone(events->ctx, module);
	}
	modules->mapped_count = kept;
}

static void add_fresh(struct scan *scan, const struct module_events *events)
{
	struct modules *modules = scan->modules;

	for (size_t i = 0; i < scan->fresh_count; i++) {
		modules->all[modules->count++] = scan->fresh[i];
		modules->mapped[modules->mapped_count++] = scan->fresh[i];
	}
	if (modules->mapped_count)
		qsort(modules->mapped, modules->mapped_count, sizeof(*modules->mapped), by_address);
	for (size_t i = 0; i < scan->fresh_count; i++)
		events->came(events->ctx, scan->fresh[i]);
}

static void read_maps(struct scan *scan, FILE *file)
{
	struct proc_maps maps = { .file = file };
	struct mapping mapping;

	while (proc_maps_next(&maps, &mapping))
		see(scan, &mapping);
	scan->failed |= !feof(file);
	proc_maps_deinit(&maps);
	free((char *)scan->first.name);
}

/* A module taken for gone would lose its traps' meaning, though not the traps: on a
 * failure all stays as it is. */
static bool make_room(struct scan *scan)
{
	struct modules *modules = scan->modules;

	if (!scan->failed && reserve(&modules->all, modules->count + scan->fresh_count) &&
	    reserve(&modules->mapped, modules->mapped_count + scan->fresh_count))
		return true;
	for (size_t i = 0; i < scan->fresh_count; i++)
		module_leave(scan->fresh[i]);
	free(scan->fresh);
	return false;
}

int modules_scan(struct modules *modules, pid_t pid, const struct module_events *events)
{
	struct scan scan = { .modules = modules, .events = events, .pid = proc_with_memory(pid) };
	FILE *maps = proc_maps_open(scan.pid);

	if (!maps)
		return -errno;
	for (size_t i = 0; i < modules->mapped_count; i++)
		modules->mapped[i]->seen = false;
	read_maps(&scan, maps);
	fclose(maps);
	if (!make_room(&scan))
		return -ENOMEM;
	drop_gone(modules, events);
	add_fresh(&scan, events);
	free(scan.fresh);
	return 0;
}

bool modules_copy(struct modules *modules, const struct modules *from)
{
	if (!reserve(&modules->all, from->count) || !reserve(&modules->mapped, from->mapped_count)) {
		modules_deinit(modules);
		return false;
	}
	for (size_t i = 0; i < from->count; i++) {
		modules->all[i] = from->all[i];
		modules->all[i]->users++;
	}
	for (size_t i = 0; i < from->mapped_count; i++)
		modules->mapped[i] = from->mapped[i];
	modules->count = from->count;
	modules->mapped_count = from->mapped_count;
	return true;
}

void modules_deinit(struct modules *modules)
{
	for (size_t i = 0; i < modules->count; i++)
		module_leave(modules->all[i]);
	free(modules->all);
	free(modules->mapped);
	*modules = (struct modules){ 0 };
}

struct module *module_at(const struct modules *modules, taddr_t addr)
{
	size_t low = 0, high = modules->mapped_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (modules->mapped[middle]->begin <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low && addr < modules->mapped[low - 1]->end ? modules->mapped[low - 1] : NULL;
}
