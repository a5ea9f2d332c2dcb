/* One process of a recording, event by event up to a moment. */
#ifndef PLAYER_H
#define PLAYER_H

#include "event_code.h"
#include "trace.h"

struct player {
	struct trace *trace;
	uint32_t track;
	struct trace_moment *moment; /* becomes an earlier one where what leads to it is lost */
	struct heap *heap;
	size_t begin, end;       /* blocks: the first one of facts and states, and behind the last */
	size_t at;               /* the next one */
	uint8_t *events;         /* of the one before, or NULL */
	struct wire_reader from; /* what is left of them */
	struct event_code code;
	struct heap_event next;
	struct map_call call;
	uint64_t last_ns;        /* of what was applied */
	bool over;               /* the moment has come, or nothing behind is readable: */
	bool lost;
	bool has_state;
};

/* With the first three; from the beginning on, with a listener. False: it had not begun, or nothing
 * of it is readable; the heap may be there all the same. */
bool player_begin(struct player *, const struct analysis_options *);
/* The next event; false: there is none. */
bool player_fetch(struct player *);
void player_go(struct player *); /* applies it */
/* The heap, which is the caller's, is as it was then. */
void player_end(struct player *);

#endif
