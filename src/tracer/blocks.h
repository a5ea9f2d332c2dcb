/* Where blocks live, and where some did, so that the stack of a free is sent only where it frees
 * none: two bits for each 8 bytes, in 128 KB for each 4 MB of memory that had any, of which only
 * the pages that are written count. What there is no memory for never lived. */
#ifndef BLOCKS_H
#define BLOCKS_H

#include "table.h"

struct blocks { /* all zero: none */
	struct table regions; /* number of 4 MB + 1 -> its bits */
	uint64_t last;        /* that number, of the one used last, or 0 */
	uint8_t *last_bits;
};

void blocks_put(struct blocks *, taddr_t);
enum block_was { BLOCK_NEVER, BLOCK_FREED, BLOCK_LIVE };
enum block_was blocks_take(struct blocks *, taddr_t); /* it does not live any more */
void blocks_copy(struct blocks *, const struct blocks *from); /* over an empty one */
void blocks_deinit(struct blocks *);

#endif
