/* The tracer process as the front sees it. */
#ifndef TRACER_H
#define TRACER_H

#include <sys/types.h>

#include "plan.h"
#include "ring.h"

struct tracer {
	pid_t pid;
	struct ring records;  /* tracer -> front */
	struct ring commands; /* front -> tracer */
	int doorbell;         /* eventfd: readable when the tracer wakes the front */
};

struct tracer_options {
	unsigned depth;     /* frames wanted: how much stack to capture */
	bool follow;        /* children too */
	char *title;        /* argv's memory, overwritten with the process's own name */
	size_t title_len;
};

/* Forks the tracer. To be called before the front opens or allocates much, and
 * while it has one thread. 0 or -errno. */
int tracer_start(struct tracer *, const struct tracer_options *);
/* killed is called when the tracer is killed, in a thread of its own and as early as can be.
 * To be called when the tracer has sent a record. Without memory for a thread, nothing
 * happens: SIGCHLD still comes. */
void tracer_watch(void (*killed)(void));
/* Room for a command of len bytes, NULL while the ring is full: drain records,
 * then ask again. Send fills in record.len and wakes the tracer. */
void *tracer_command(struct tracer *, size_t len);
void tracer_send(struct tracer *, struct record *, size_t len);

#endif
