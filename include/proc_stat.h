/* The fields of /proc/PID/stat, numbered as in proc(5). */
#ifndef PROC_STAT_H
#define PROC_STAT_H

#include <sys/types.h>

#define PROC_STAT_MAX 1024 /* bytes that hold all of it */

enum proc_stat_field {
	PROC_STAT_STATE = 3, /* a letter */
	PROC_STAT_PARENT = 4,
	PROC_STAT_FLAGS = 9,
	PROC_STAT_STARTED = 22, /* clock ticks since boot */
	PROC_STAT_STACK = 28, /* where the stack pointer stood when the program began; 0 or 1
	                         for who may not trace it */
	PROC_STAT_PROCESSOR = 39, /* on which it last ran */
	PROC_STAT_BRK = 47 /* where the heap begins; 0 for who may not trace it */
};

/* Of process or thread tid; "" if there is none. */
void proc_stat_read(pid_t tid, char text[PROC_STAT_MAX]);
/* Where the field begins in text, which is what the file holds; or NULL. */
const char *proc_stat_at(const char *text, enum proc_stat_field);
/* A number, 0: there is none. */
unsigned long long proc_stat_number(const char *text, enum proc_stat_field);

#endif
