/* One writer, one reader, in memory two processes share. The body is mapped
 * twice in a row, so that nothing ever wraps. Both ends call only their half. */
#ifndef RING_H
#define RING_H

#include "types.h"

/* How soundly the reader sleeps decides what is worth waking it for. */
enum ring_reader { RING_AWAKE, RING_NAPPING, RING_ASLEEP };

struct ring {
	struct ring_shared *shared;
	uint8_t *body;
	size_t size;
};

int ring_init(struct ring *, size_t size); /* a power-of-two number of pages; 0 or -errno */
void ring_deinit(struct ring *);

void *ring_reserve(struct ring *, size_t len); /* NULL: full; len a multiple of 8 */
void ring_commit(struct ring *, size_t len);   /* len <= what was reserved */
bool ring_should_wake(struct ring *, bool urgent);

const void *ring_peek(struct ring *, size_t *len); /* all that is there, contiguous */
void ring_consume(struct ring *, size_t len);
void ring_set_reader(struct ring *, enum ring_reader);

bool ring_empty(const struct ring *); /* either end */

#endif
