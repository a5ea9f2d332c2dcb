/* The rows of what is told of. */
#ifndef ROWS_H
#define ROWS_H

#include "known.h"

struct sql {
	struct queue *queue;
	struct sql_options options;
	bool replaces;     /* as the dialect has it */
	bool begun;
	bool lost;         /* something that should have been told */
	uint64_t began_ns; /* CLOCK_MONOTONIC of the trace's begin */
	uint64_t now_ns;   /* of the last event */
	uint64_t processes, threads, sites, events, blocks; /* their last ids */
	struct known *first, *last; /* all; that of the last event, or NULL */
};

static inline uint64_t since_begin(const struct sql *sql, uint64_t time_ns)
{
	return time_ns - sql->began_ns;
}

/* Their ids; they get rows when they are first asked for. 0: none. */
uint64_t rows_thread(struct sql *, struct known *, int tid, uint64_t time_ns);
uint64_t rows_site(struct sql *, struct known *, uint32_t number, const char *function);
void rows_thread_ends(struct sql *, struct known *, int tid, uint64_t time_ns);

struct freeing { /* all 0: it is not freed */
	uint64_t event, thread, time_ns; /* rows; since the trace began */
	uint64_t forgotten; /* the event since which nothing is known of it; or 0 */
};
/* Gives it its id. */
void rows_block_begins(struct sql *, const struct known *, struct live_block *);
/* Gives it one if it has none. */
void rows_block(struct sql *, const struct known *, struct live_block *, const struct freeing *);

/* All that live, as of this event; their bytes. */
uint64_t rows_blocks_forgotten(struct sql *, struct known *, uint64_t event);

void rows_process_begins(struct sql *, struct known *, uint64_t parent, const char *how);
/* ending: as its column has it; NULL: it goes on, unseen. */
void rows_process_ends(struct sql *, struct known *, const char *ending, int status,
                       uint64_t now_ns);

#endif
