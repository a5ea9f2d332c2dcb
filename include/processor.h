/* Which processor a thread last ran on. */
#ifndef PROCESSOR_H
#define PROCESSOR_H

#include <sys/types.h>

int processor_of(pid_t tid); /* -1: unknown. Keeps the last thread's file open. */

#endif
