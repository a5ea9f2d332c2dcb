/* Where a module enters the kernel, and for which system calls. */
#ifndef SYSCALLS_H
#define SYSCALLS_H

#include "arch.h"
#include "module.h"

#define SYSCALL_ANY (-1)

struct syscall_site { /* file addresses */
	taddr_t vaddr;  /* of the system call instruction */
	taddr_t before; /* the instruction that always leads to it and can be emulated, or 0 */
	int number;     /* the only one that is ever called here, or SYSCALL_ANY */
	bool decoded;   /* false: what surrounds it does not decode, it may be none at all */
	bool bare;      /* in a function that no unwind table tells of */
};

/* each returns false to end. 0 or -ENOMEM. */
int syscalls_find(struct module *, struct decoder *,
                  bool (*each)(void *ctx, const struct syscall_site *), void *ctx);

#endif
