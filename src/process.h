/* What /proc says of a process; proc(5). */
#ifndef PROCESS_H
#define PROCESS_H

#include <sys/types.h>

struct process {
	pid_t pid;    /* 0: there is none */
	pid_t tracer; /* or 0 */
	char state, name[64];
	uid_t uid;
	unsigned long flags;
	unsigned long long started; /* clock ticks since boot: with pid, it is this one for good */
};

/* The one that has the thread tid. */
struct process process_of(pid_t tid);

#endif
