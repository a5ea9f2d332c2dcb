/* Who is told of every event: one for the analysis, as many as there are for us. */
#ifndef LISTENERS_H
#define LISTENERS_H

#include "heap_event.h"

#define LISTENERS_MAX 16

struct listeners {
	struct heap_listener list[LISTENERS_MAX];
	unsigned count;
	struct heap_listener all; /* for the analysis: tells each */
};

void listeners_add(struct listeners *, void (*tell)(void *ctx, struct heap *,
                                                    const struct heap_event *), void *ctx);
/* For the analysis, or NULL: nobody listens. They must stay where they are. */
const struct heap_listener *listeners_all(struct listeners *);

#endif
