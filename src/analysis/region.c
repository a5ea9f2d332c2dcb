#include "region.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proc_maps.h"

static const struct region *find(const struct regions *regions, taddr_t addr)
{
	for (const struct region *at = regions->list; at; at = at->next)
		if (addr >= at->begin && addr < at->end)
			return at;
	return NULL;
}

static struct region *region_new(const struct mapping *mapping)
{
	struct region *region = calloc(1, sizeof(*region));

	if (region)
		*region = (struct region){ mapping->begin, mapping->end,
			                   strdup(*mapping->name ? mapping->name : "[anon]"),
			                   NULL, 1 };
	return region;
}

static struct region *look_up(FILE *file, taddr_t addr)
{
	struct proc_maps maps = { .file = file };
	struct region *found = NULL;
	struct mapping mapping;

	while (!found && proc_maps_next(&maps, &mapping))
		if (addr >= mapping.begin && addr < mapping.end)
			found = region_new(&mapping);
	proc_maps_deinit(&maps);
	return found;
}

const struct region *regions_at(struct regions *regions, pid_t pid, taddr_t addr)
{
	const struct region *known = find(regions, addr);
	FILE *maps = known ? NULL : proc_maps_open(pid);
	struct region *found;

	if (!maps)
		return known;
	found = look_up(maps, addr);
	fclose(maps);
	if (found) {
		found->next = regions->list;
		regions->list = found;
	}
	return found;
}

void regions_copy(struct regions *regions, const struct regions *from)
{
	regions->list = from->list;
	if (regions->list)
		regions->list->users++;
}

void regions_forget(struct regions *regions)
{
	struct region *next;

	for (struct region *at = regions->list; at && --at->users == 0; at = next) {
		next = at->next;
		free(at->name);
		free(at);
	}
	regions->list = NULL;
}
