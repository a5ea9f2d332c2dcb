/* What the kernel says of a task in /proc/TID/status, proc(5). */
#ifndef TASK_H
#define TASK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct task {
	uint64_t pending, ignored, caught; /* signals: bit 0 is signal 1 */
	int seccomp;                       /* 0: no filter */
	pid_t tracer;                      /* 0: none */
	bool ended;                        /* a zombie, or gone for good */
	pid_t process, parent; /* it belongs to; that one's */
};

struct task task_of(pid_t tid); /* all 0, but ended, when it is gone */

#endif
