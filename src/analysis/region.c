#include "region.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct region *find(const struct regions *regions, taddr_t addr)
{
	for (const struct region *at = regions->list; at; at = at->next)
		if (addr >= at->begin && addr < at->end)
			return at;
	return NULL;
}

/* One line of /proc/PID/maps, proc(5). */
static struct region *parse(char *line, taddr_t addr)
{
	unsigned long long begin, end;
	struct region *region;
	int name = 0;

	line[strcspn(line, "\n")] = '\0';
	if (sscanf(line, "%llx-%llx %*s %*s %*s %*s %n", &begin, &end, &name) < 2 || addr < begin ||
	    addr >= end || !(region = calloc(1, sizeof(*region))))
		return NULL;
	*region = (struct region){ begin, end, strdup(line[name] ? line + name : "[anon]"), NULL, 1 };
	return region;
}

const struct region *regions_at(struct regions *regions, pid_t pid, taddr_t addr)
{
	const struct region *known = find(regions, addr);
	struct region *found = NULL;
	char path[32], *line = NULL;
	size_t room = 0;
	FILE *maps;

	if (known)
		return known;
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	while (maps && !found && getline(&line, &room, maps) > 0)
		found = parse(line, addr);
	free(line);
	if (maps)
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
