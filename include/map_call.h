/* The system calls that change what is mapped in an address space, or that end what we see of
 * it. */
#ifndef MAP_CALL_H
#define MAP_CALL_H

#include "types.h"

enum map_call_kind {
	MAP_CALL_NONE,
	MAP_CALL_MMAP,
	MAP_CALL_MUNMAP,
	MAP_CALL_MREMAP,
	MAP_CALL_BRK,
	MAP_CALL_SHMAT,
	MAP_CALL_SHMDT,
	MAP_CALL_PROTECT,      /* mprotect and pkey_mprotect */
	MAP_CALL_IO_SETUP,     /* maps a ring, whose address it stores: Linux 2.6, fs/aio.c */
	MAP_CALL_IO_DESTROY,
	MAP_CALL_SHADOW_STACK, /* map_shadow_stack, Linux 6.6 */
	MAP_CALL_REMAP_PAGES,  /* remap_file_pages: other offsets for pages of a mapping */
	MAP_CALL_EXIT,         /* exit_group: gives back all, and does not return */
	MAP_CALL_CLONE,        /* clone, clone3: with CLONE_UNTRACED a child begins that meets our
	                          traps unseen */
	MAP_CALLS
};

enum map_call_kind map_call_of(int number); /* a system call's number */
/* One that is looked at when it returns. */
bool map_call_maps(enum map_call_kind);
const char *map_call_name(enum map_call_kind); /* of any but NONE */

/* The kernel is to make the call again, from the instruction on (include/linux/errno.h). */
bool map_call_is_restarted(int64_t result);

#define MAP_CALL_ARGS 6
unsigned map_call_arguments(enum map_call_kind); /* that it has */

/* One that has returned. */
struct map_call {
	uint64_t args[MAP_CALL_ARGS];
	int64_t result;      /* -4095 to -1: a negative errno */
	uint64_t mapped;     /* where the result is an address whose length the call was not told,
	                        or was not to keep, that length, else 0; IO_SETUP: see address;
	                        PROTECT that failed: how much has that protection all the same */
	uint64_t address;    /* IO_SETUP: of the ring */
	uint8_t kind;        /* enum map_call_kind */
	bool gone;           /* failed, and what it was to replace is not mapped any more */
};

bool map_call_failed(const struct map_call *); /* by its result; brk(2) never does so */

#endif
