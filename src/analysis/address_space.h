/* The target's address space, kept by its system calls and held against the kernel's own
 * list of it. */
#ifndef ADDRESS_SPACE_H
#define ADDRESS_SPACE_H

#include "map_call.h"
#include "vma.h"

struct address_space { /* all zero is an empty one */
	struct vmas vmas;
	taddr_t brk; /* the break as the kernel has it; 0: not known yet */
};

/* What the call has changed. by tells who made it: origin, site, tid, time_ns, born. */
void address_space_apply(struct address_space *, const struct map_call *, const struct vma *by);

/* From a list as /proc/PID/maps, proc(5). as: what all of them are said to be made by; it is
 * asked for each mapping by its name, "[stack]" or a path. */
void address_space_read(struct address_space *, FILE *maps,
                        struct vma (*as)(void *ctx, const char *name), void *ctx);

enum difference { VMA_MISSING, VMA_EXTRA, VMA_OTHER }; /* not known, not there, another kind */

/* How many ranges differ from such a list; tell hears of each, as it is listed (EXTRA: begin
 * and end), and may change just that range. What only the list knows is taken over: inodes,
 * and how far stacks have grown. */
size_t address_space_compare(struct address_space *, FILE *maps,
                             void (*tell)(void *ctx, enum difference, const struct vma *listed),
                             void *ctx);
void address_space_deinit(struct address_space *);

#endif
