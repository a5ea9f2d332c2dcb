/* An event as bytes: what the one before makes likely is left out. Both ends keep the same
 * memory of what came; a block begins with an empty one. */
#ifndef EVENT_CODE_H
#define EVENT_CODE_H

#include "heap_event.h"
#include "wire.h"

#define GUESSES 256
#define EVENT_NAME 256 /* bytes of a point's name, the 0 included */

struct event_guess { /* of events of one kind and site */
	uint32_t number;
	int entry;
	uint64_t size;
};

struct event_code { /* all zero is an empty one */
	int tid;
	uint64_t time_ns;
	taddr_t given, block, begun; /* last ones; begun: by a realloc */
	uint32_t site;
	struct event_guess guesses[GUESSES];
	char name[EVENT_NAME], detail[EVENT_NAME]; /* of what was taken last */
};

void event_put(struct event_code *, struct wire *, const struct heap_event *);
/* What came of it stays zero; its texts live until the next one, call is filled when the event
 * has one. False: there is none, or none that makes sense. */
bool event_take(struct event_code *, struct wire_reader *, struct heap_event *, struct map_call *);

#endif
