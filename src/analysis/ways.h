/* All ways through a function, and in which registers the size is that it is asked for, on each
 * of them: an argument, or the product of two. */
#ifndef WAYS_H
#define WAYS_H

#include "job.h"

struct carry { /* in front of an instruction */
	uint32_t held; /* registers that hold the size */
	uint32_t factors[2]; /* and, of a product, those that hold these arguments */
	int32_t sp;    /* against the function's begin */
	bool reached, sp_unknown;
	bool saved; /* an early trap may have been met on the way; top: on every way */
	bool top;
};

struct way_node {
	taddr_t vaddr;
	struct decoded insn;
	struct carry state;
	bool own;         /* of the function itself, not of what it jumps on to */
	bool tail;        /* on the straight way to a ret */
	bool early, late; /* a trap */
	bool passed;      /* between a late one and its ret */
};

struct ways {
	struct job *job;
	const struct cfg *cfg;
	struct way_node *nodes; /* ascending */
	size_t count;
	uint32_t asked[2]; /* registers of the size, or of the factors, at the begin */
	uint32_t flags; /* enum probe_flags, of all its probes */
	unsigned early; /* how many */
};

/* Of what cfg has seen from entry on, to be freed by the caller also on failure. False: no
 * memory. */
bool ways_build(struct ways *, struct job *, const struct cfg *, taddr_t entry);
struct way_node *ways_at(const struct ways *, taddr_t vaddr); /* or NULL */
/* The one that alone leads to it, by going on to it; or NULL. */
struct way_node *ways_only_before(const struct ways *, struct way_node *);
/* Fills in the states. lost is told of each node behind which no register holds the size
 * any more, and may make it or one before it early: then it was not the last time. */
void ways_follow(struct ways *, taddr_t entry, bool of_product,
                 void (*lost)(struct ways *, struct way_node *));
void ways_free(struct ways *);

#endif
