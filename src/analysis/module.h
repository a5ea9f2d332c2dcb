/* The target's modules over time. A module is an ELF file mapped at one place; it
 * lives as long as its address space, for stacks name it long after it was unmapped,
 * and is shared with the copies that forks make of that space. */
#ifndef MODULE_H
#define MODULE_H

#include <sys/types.h>

#include "elf.h"
#include "starts.h"

struct named_range { /* a wrapper (strdup, operator new) that only names events */
	taddr_t begin, end; /* addresses in the target */
	int entry;          /* in the catalogue */
};

struct module {
	struct elf elf;
	unsigned users;   /* address spaces that have it */
	char *path;       /* as /proc/PID/maps has it */
	taddr_t begin, end; /* addresses in the target */
	taddr_t bias;     /* target address = file address + bias */
	uint64_t dev, inode;
	bool seen;        /* by the scan under way */
	struct named_range *named;
	size_t named_count;
	char *origin;     /* what is to be said of where its names come from, or NULL */
	void *symbols;    /* symbol.c's, or NULL */
	uint8_t reopened; /* how often these were, as more is known */
	bool unsymbolised; /* heap.c: a frame in it has no name */
	bool in_stacks;   /* heap.c found a frame in it */
	unsigned map_calls; /* places trapped for system calls that map */
	unsigned any_calls; /* of them, for whatever number */
	taddr_t push;     /* an instruction lent, see struct probe; 0: none */
	bool is_glibc;    /* its allocator is */
	bool is_loader;   /* the program's interpreter */
	bool has_operators; /* C++'s new and delete */
	struct starts starts; /* starts.c's */
	taddr_t makes_threads[2]; /* file addresses of its pthread_create, map_origin.c's; 1: looked */
};

struct modules {
	struct module **all; /* in order of appearance */
	size_t count;
	struct module **mapped; /* by address */
	size_t mapped_count;
};

struct module_events {
	void (*gone)(void *ctx, struct module *);
	void (*came)(void *ctx, struct module *);
	void (*gone_file)(void *ctx, const char *path); /* mapped, and not to be opened */
	void *ctx;
};

void module_close(struct module *); /* all it owns but itself and its path */

/* Reads /proc/PID/maps: gone for every module that is no longer there, then came
 * for every new one. 0 or -errno. */
int modules_scan(struct modules *, pid_t pid, const struct module_events *);
/* Over empty ones. False: no memory, they stay empty. */
bool modules_copy(struct modules *, const struct modules *from);
void modules_deinit(struct modules *); /* or a new image: no stack names them any more */
struct module *module_at(const struct modules *, taddr_t); /* mapped now, or NULL */

static inline taddr_t module_file_address(const struct module *module, taddr_t addr)
{
	return addr - module->bias;
}

#endif
