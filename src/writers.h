/* Copies of us that write dumps: each of what was known when it was made, one after the other in
 * that order. */
#ifndef WRITERS_H
#define WRITERS_H

#include <sys/types.h>

#include "types.h"

#define WRITERS_MAX 8

struct writer {
	pid_t pid;
	int ended;      /* readable once it has; -1: none */
	void *of; /* whose it is */
	bool given_up;  /* it was killed by us */
};

struct writers {
	struct writer list[WRITERS_MAX]; /* the first one writes, the others wait for their turn */
	unsigned count;
};

/* As fork(2); the copy goes on when its turn has come. There must be room for it. */
pid_t writers_fork(struct writers *, void *of);
/* Has the first one ended? Waits so long for it; -1: for ever. */
bool writers_await(const struct writers *, int ms);
/* One that has ended, which is none of them any more; false: none has. */
bool writers_reap(struct writers *, struct writer *, int *status);

#endif
