/* What the kernel says of a task in /proc/TID/status, proc(5). */
#ifndef TASK_H
#define TASK_H

#include <stdint.h>
#include <sys/types.h>

struct task {
	uint64_t pending, ignored, caught; /* signals: bit 0 is signal 1 */
	int seccomp;                       /* 0: no filter */
};

struct task task_of(pid_t tid); /* all 0 when it is gone */

#endif
