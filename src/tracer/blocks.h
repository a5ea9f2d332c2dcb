/* Where blocks live, so that the stack of a free is sent only where it frees none: a bit for each
 * 8 bytes of memory that had one. Address space begins as 64 KB per 4 MB, of which only the pages
 * that are written count. It may err to the side of a stack too much: what it has no memory for,
 * or was there before us, is not live to it. */
#ifndef BLOCKS_H
#define BLOCKS_H

#include "table.h"

struct blocks { /* all zero: none */
	struct table regions; /* number of 4 MB + 1 -> its bits */
	uint64_t last;        /* that number, of the one used last, or 0 */
	uint8_t *last_bits;
};

void blocks_put(struct blocks *, taddr_t);
bool blocks_take(struct blocks *, taddr_t); /* was it live? It is not any more */
void blocks_copy(struct blocks *, const struct blocks *from); /* over an empty one */
void blocks_deinit(struct blocks *);

#endif
