/* The live blocks by address, and which addresses were freed. One lies beside the other,
 * live or freed, in the order they came; a block whose address is handed out again takes the
 * place it had. An index of places, 4 bytes a slot, finds them. */
#ifndef LIVE_H
#define LIVE_H

#include "types.h"

struct block {
	uint64_t size; /* requested bytes */
	uint32_t site;
	int32_t tid;
	uint64_t time_ns;
};

/* The highest bit of an address, which no program has, for blocks that are counted beside the
 * others and may be where another one is. */
#define LIVE_BESIDE (UINT64_C(1) << 63)

struct live_block {
	taddr_t addr; /* LIVE_BESIDE with it */
	union {
		struct block block;
		struct { /* freed: places + 1 of those freed before and after it, or 0 */
			uint32_t older, newer;
			uint32_t state; /* block.site */
			uint32_t site;  /* where it was allocated */
			uint32_t free_site, freed_ms; /* as the caller has it */
		};
	};
};

struct live { /* all zero is an empty one */
	struct live_block *blocks;
	size_t used, capacity;
	uint32_t *index;   /* place + 1 in the lower index_bits bits, above them the hash's */
	unsigned index_bits; /* 0: there is none */
	uint32_t oldest, newest; /* freed ones, place + 1, or 0 */
	size_t freed;
};

void live_clear(struct live *);
/* Over an empty one. False: no memory, it stays empty. */
bool live_copy(struct live *, const struct live *from);
void live_deinit(struct live *);
/* False: no memory. A block already there is replaced and handed to old. */
bool live_add(struct live *, taddr_t, const struct block *, struct block *old, bool *had_old);
bool live_remove(struct live *, taddr_t, struct block *out); /* false: not live */
/* The same, and what is to be remembered of it. */
bool live_free(struct live *, taddr_t, uint32_t free_site, uint32_t freed_ms, struct block *out);
/* One that was freed, and not handed out since; or NULL. */
const struct live_block *live_freed(const struct live *, taddr_t);
/* Both live until the next add or remove. NULL: not live. */
const struct block *live_at(const struct live *, taddr_t);
/* Walks all that live: start with *at = 0; NULL ends. */
const struct live_block *live_next(const struct live *, size_t *at);
void live_forget_freed(struct live *, taddr_t); /* handed out again, unseen */

#endif
