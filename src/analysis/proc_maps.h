/* The kernel's own list of what is mapped in a process, proc(5): /proc/PID/maps, or
 * /proc/PID/smaps, which also tells how much of it is in memory. */
#ifndef PROC_MAPS_H
#define PROC_MAPS_H

#include <stdio.h>
#include <sys/types.h>

#include "types.h"

struct mapping {
	taddr_t begin, end;
	uint64_t offset, dev, inode;
	uint8_t prot; /* PROT_READ and so on, mmap(2) */
	bool shared;
	const char *name;   /* a path, "[heap]", or "": valid until the next */
	uint64_t resident;  /* bytes; smaps only, as the next */
	uint64_t anonymous; /* of them, those that are no file's pages */
};

struct proc_maps {
	FILE *file; /* the caller's, to open and to close */
	char *line, *next;
	size_t line_room, next_room;
	bool ahead; /* next has been read already */
};

/* One of its threads that /proc tells of its memory: the first one, until it has ended. */
pid_t proc_with_memory(pid_t);
taddr_t proc_heap(pid_t); /* where the heap begins that brk(2) moves the end of; 0: not told */

FILE *proc_maps_open(pid_t);  /* NULL with errno; also where there is none any more */
FILE *proc_smaps_open(pid_t); /* as above */

/* False: the end, and with feof(file) the whole list was read. It leaves out [vsyscall],
 * which is no process's own. */
bool proc_maps_next(struct proc_maps *, struct mapping *);
/* Back to the list's begin. False: the process has left its memory, and what was read may be
 * but a part of the list. */
bool proc_maps_go_on(FILE *list);
void proc_maps_deinit(struct proc_maps *);

#endif
