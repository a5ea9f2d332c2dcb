/* The thread's last free, by which one that it calls is told from the next one: a free has no
 * trap at its end. */
#ifndef LAST_FREE_H
#define LAST_FREE_H

#include "call.h"

struct last_free {
	uint64_t arg;
	taddr_t slot;
	taddr_t caller; /* what stands there; 0: unknown */
	taddr_t module;
	taddr_t entries[4];
	unsigned count; /* 0: there is none */
	bool leads_out; /* of its module; else only one that is given the same block is its */
};

void last_free_set(struct last_free *, const struct call *, taddr_t caller);
/* Was this one made by the last one? */
bool last_free_hands_on(struct last_free *, const struct call *, int mem);

#endif
