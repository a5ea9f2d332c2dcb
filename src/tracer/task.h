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

char task_state(pid_t tid); /* as in /proc/TID/stat; 'X': gone */
/* The system call it sleeps in; -1: none, it runs, or is gone. */
int task_call(pid_t tid);
struct task task_of(pid_t tid); /* all 0, but ended, when it is gone */

#endif
