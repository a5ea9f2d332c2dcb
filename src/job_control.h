/* The front stops and goes on with its target: whoever waits for the one is to see the
 * same of the other. */
#ifndef JOB_CONTROL_H
#define JOB_CONTROL_H

#include <sys/types.h>

/* The target, our child, was stopped by sig, which we block unless it is SIGSTOP. */
void job_control_stop(pid_t target, int sig);
/* We were continued, and so is the target, unless it was with us or before us. */
void job_control_continue(pid_t target);

#endif
