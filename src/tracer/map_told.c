/* Part of what a call was to do may be done when it is refused: MAP_FIXED has unmapped what
 * it was to replace before the file's driver says no, mprotect goes from mapping to mapping.
 * The errno does not tell, the kernel's list does. */
#include "map_told.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "mem.h"

#define PAGE UINT64_C(4096)
#define HUGE (UINT64_C(2) << 20) /* the smallest there are */

struct listed {
	unsigned long long begin, end;
	unsigned prot;
};

struct list {
	FILE *file;
	char *line;
	size_t room;
};

static bool list_open(struct list *list, pid_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	*list = (struct list){ .file = fopen(path, "re") };
	return list->file;
}

static bool list_next(struct list *list, struct listed *one)
{
	char perms[5];

	if (getline(&list->line, &list->room, list->file) < 0 ||
	    sscanf(list->line, "%llx-%llx %4s", &one->begin, &one->end, perms) != 3)
		return false;
	one->prot = (perms[0] == 'r' ? PROT_READ : 0) | (perms[1] == 'w' ? PROT_WRITE : 0) |
	            (perms[2] == 'x' ? PROT_EXEC : 0);
	return true;
}

static void list_close(struct list *list)
{
	free(list->line);
	fclose(list->file);
}

/* How much is mapped from addr on by one mapping; 0: unknown. */
static uint64_t mapping_len(pid_t pid, taddr_t addr)
{
	struct listed one;
	struct list list;
	uint64_t len = 0;

	if (!list_open(&list, pid))
		return 0;
	while (!len && list_next(&list, &one))
		if (one.begin == addr)
			len = one.end - one.begin;
	list_close(&list);
	return len;
}

/* From begin on, with this protection and without a hole. */
static uint64_t protected_len(pid_t pid, taddr_t begin, taddr_t end, unsigned prot)
{
	taddr_t at = begin;
	struct listed one;
	struct list list;

	if (!list_open(&list, pid))
		return 0;
	while (at < end && list_next(&list, &one))
		if (one.begin <= at && one.end > at && one.prot == prot)
			at = one.end < end ? one.end : end;
	list_close(&list);
	return at - begin;
}

static bool is_any_mapped(pid_t pid, taddr_t begin, taddr_t end)
{
	struct listed one;
	struct list list;
	bool found = false;

	if (begin >= end || !list_open(&list, pid))
		return true;
	while (!found && list_next(&list, &one))
		found = one.begin < end && one.end > begin;
	list_close(&list);
	return found;
}

/* The kernel rounds up to whole pages of the file, which are huge in hugetlbfs: asking the
 * file system may wait for somebody who waits for us. 0: it does not look like that. */
static uint64_t huge_len(const struct map_call *call, pid_t pid)
{
	uint64_t len;

	if (call->args[3] & MAP_ANONYMOUS || !(call->args[1] % HUGE) || call->args[5] % HUGE ||
	    call->address % HUGE)
		return 0;
	len = mapping_len(pid, call->address);
	return len % HUGE ? 0 : len;
}

static void told_of_failure(struct map_call *call, pid_t pid)
{
	const uint64_t *args = call->args;
	uint64_t pages = (args[1] + PAGE - 1) & ~(PAGE - 1);

	if (call->kind == MAP_CALL_PROTECT)
		call->mapped = protected_len(pid, args[0], args[0] + pages,
		                             args[2] & (PROT_READ | PROT_WRITE | PROT_EXEC));
	else if (call->kind == MAP_CALL_MMAP && args[3] & MAP_FIXED)
		call->gone = !is_any_mapped(pid, args[0], args[0] + pages);
	else if (call->kind == MAP_CALL_MREMAP && args[3] & MREMAP_FIXED)
		call->gone = !is_any_mapped(pid, args[4], args[4] + args[2]);
}

void map_told(struct map_call *call, pid_t pid, int mem)
{
	if (map_call_failed(call)) {
		told_of_failure(call, pid);
		return;
	}
	call->address = (taddr_t)call->result;
	if (call->kind == MAP_CALL_IO_SETUP &&
	    mem_read(mem, call->args[1], &call->address, sizeof(call->address)) < 0)
		call->address = 0;
	if (call->kind == MAP_CALL_SHMAT || call->kind == MAP_CALL_IO_SETUP)
		call->mapped = mapping_len(pid, call->address);
	else if (call->kind == MAP_CALL_MMAP)
		call->mapped = huge_len(call, pid);
}
