/* What is kept of a process while it is told of: which rows stand for its threads, its sites and
 * its live blocks. */
#ifndef KNOWN_H
#define KNOWN_H

#include "queue.h"
#include "table.h"

struct live_block {
	uint64_t id, event, thread, site; /* rows */
	uint64_t size, usable;
	uint64_t time_ns;   /* when it was allocated, since the trace began */
	uint64_t inherited; /* of the parent's row, whose event it is; or 0 */
	taddr_t address;    /* with the bit of those beside others */
};

struct known {
	struct heap *heap;
	uint64_t id;           /* the process's row */
	struct known *next;
	struct value row[COLUMNS_MAX]; /* that one; its text is exe */
	char *exe;
	struct table threads;  /* by tid, struct thread * */
	struct table sites;    /* the report's number: the row */
	struct table live;     /* by address: the place in blocks */
	struct live_block *blocks;
	size_t count, room;
	struct table held;     /* by tid: in realloc, struct live_block * */
};

struct thread {
	uint64_t id, began_ns; /* since the trace began */
};

struct known *known_new(struct heap *, uint64_t id);
void known_free(struct known *);
/* As it is in a child; false: no memory, it is as before. */
bool known_inherit(struct known *, const struct known *parent);
/* These are false without memory. */
bool known_add(struct known *, const struct live_block *);
/* Takes it out. False: it is not there. */
bool known_take(struct known *, taddr_t address, struct live_block *);
void known_forget(struct known *); /* no block lives */
bool known_hold(struct known *, int tid, const struct live_block *);
const struct live_block *known_held(const struct known *, int tid); /* or NULL */
bool known_release(struct known *, int tid, struct live_block *); /* as known_take */

#endif
