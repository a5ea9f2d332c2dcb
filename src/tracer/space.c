#include "space.h"

#include <stdlib.h>
#include <unistd.h>

#include "mem.h"
#include "open_files.h"
#include "proc_stat.h"

#define FILES_PER_SPACE 8 /* of ours and, more of them, of the front's */

static struct space *first;
static unsigned long count;

struct space *space_new(void)
{
	static uint32_t images;
	struct space *space = calloc(1, sizeof(*space));

	if (!space)
		return NULL;
	*space = (struct space){ .image = ++images, .users = 1, .mem = -1, .next = first };
	count++;
	return first = space;
}

int space_open(struct space *space, pid_t pid)
{
	char stat[PROC_STAT_MAX];
	int mem = mem_open(pid);

	if (mem < 0)
		return mem;
	space->pid = pid;
	space->mem = mem;
	proc_stat_read(pid, stat);
	space->stack_end = proc_stat_number(stat, PROC_STAT_STACK) & ~(taddr_t)7;
	return 0;
}

void space_enter(struct space *space)
{
	space->users++;
}

void space_leave(struct space *space)
{
	struct space **at = &first;

	if (!space || --space->users)
		return;
	while (*at != space)
		at = &(*at)->next;
	*at = space->next;
	count--;
	if (space->pid)
		close(space->mem);
	free(space->probes);
	table_deinit(&space->by_addr);
	table_deinit(&space->unrelated);
	table_deinit(&space->returns);
	blocks_deinit(&space->blocks);
	text_deinit(&space->text);
	free(space);
}

bool space_has_room(void)
{
	static unsigned long most;

	if (!most)
		most = open_files_limit() / FILES_PER_SPACE;
	return count < most;
}

struct space *space_find(uint32_t image)
{
	struct space *space = first;

	while (space && space->image != image)
		space = space->next;
	return space;
}

struct space *space_next(const struct space *space)
{
	return space ? space->next : first;
}
