/* The kernel's own figures of a process's memory, from /proc/PID/status, proc(5). */
#ifndef VM_H
#define VM_H

#include <sys/types.h>

#include "heap.h"

struct vm { /* all zero: never looked at */
	bool known;
	struct heap_vm_figure figures[HEAP_VM_FIGURES];
};

void vm_look(struct vm *, pid_t);
uint64_t vm_rss(const struct vm *); /* bytes at the last look */

#endif
