/* The live blocks by address, and which addresses were freed. */
#ifndef LIVE_H
#define LIVE_H

#include "table.h"

struct block {
	uint64_t size; /* requested bytes */
	uint32_t site;
	int32_t tid;
	uint64_t time_ns;
};

struct live {
	struct block *blocks;
	size_t used, capacity;
	uint32_t *unused; /* stack of free places in blocks */
	size_t unused_count, unused_capacity;
	struct table by_addr; /* address -> place + 1 */
	struct table freed;   /* address -> 1, until handed out again */
};

void live_clear(struct live *);
/* Over an empty one; of what was freed only a little is known. False: no memory, it
 * stays empty. */
bool live_copy(struct live *, const struct live *from);
void live_deinit(struct live *);
/* False: no memory. A block already there is replaced and handed to old. */
bool live_add(struct live *, taddr_t, const struct block *, struct block *old, bool *had_old);
bool live_remove(struct live *, taddr_t, struct block *out); /* false: not live */
bool live_was_freed(const struct live *, taddr_t);
void live_forget_freed(struct live *, taddr_t); /* handed out again, unseen */

#endif
