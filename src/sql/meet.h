/* Processes, from when they are met to their end. */
#ifndef MEET_H
#define MEET_H

#include "rows.h"

struct known *meet_find(struct sql *, const struct heap *); /* or NULL */
struct known *meet_find_pid(const struct sql *, int pid);   /* or NULL */
/* It begins with the event; before: the row of what ran in it, or 0. NULL: no memory. */
struct known *meet(struct sql *, struct heap *, uint64_t before, const struct heap_event *);
/* ending: as its column has it; NULL: it goes on, unseen. Frees it. */
void meet_end(struct sql *, struct known *, const char *ending, int status, uint64_t now_ns);
/* The row of the trace. */
void meet_trace(struct sql *, bool complete);

#endif
