/* What is counted beside the live table, event by event: see heap_counters.h. */
#ifndef COUNTERS_H
#define COUNTERS_H

#include "heap_counters.h"
#include "heap_event.h"
#include "table.h"
#include "vm.h"

struct block;
struct heap;
struct view;

struct thread_site { /* in the list of its thread as long as that lives */
	struct heap_thread_site view; /* last_ms: unused */
	uint64_t time_ns;
	uint32_t next; /* number, or 0 */
	bool ended;    /* its thread has, while blocks live on */
};

struct thread_sites {
	struct thread_site *list; /* number - 1 */
	size_t count, capacity;
	uint32_t unused;          /* the first of a list, or 0 */
	struct table by_key;      /* thread and site -> number */
	uint64_t last_key;        /* found before, */
	uint32_t last;            /* there; 0: none */
};

struct thread_counters { /* in a view */
	struct heap_thread sums;
	taddr_t last_block; /* handed out by its last call, or 0 */
	uint32_t sites;     /* the first of its struct thread_site, or 0 */
	taddr_t mapped_begin, mapped_end; /* for malloc, since its last call */
	taddr_t odd_block;  /* freed by its last call, */
	uint64_t odd_usable; /* of it */
};

struct site_counters { /* in a site */
	uint64_t bytes, temporary;
	uint64_t lived, min_ns, max_ns; /* of freed ones: how many */
	double lived_ns; /* all together: more than an integer may hold */
};

struct mark {
	char name[HEAP_MARK_NAME];
	struct mark_site *sites; /* by index */
	size_t count;
};

struct counters {
	struct heap_counters since;
	struct heap_function *base; /* heap->stats at the last reset, or NULL */
	uint64_t *freed;            /* by catalogue entry, bytes given back since; NULL: none */
	uint64_t since_ns;          /* CLOCK_MONOTONIC */
	struct heap_thread ended;
	struct thread_sites thread_sites;
	struct table lifetimes; /* site and power of two -> how many */
	struct table odd;       /* usable bytes of blocks that have not what the rule says */
	struct vm vm;           /* as of the last question for it */
	struct mark marks[HEAP_MARKS];
	size_t mark_count;
};

void counters_reset(struct heap *); /* another image */
void counters_begin_anew(struct heap *);
void counters_free(struct heap *);
void counters_allocated(struct heap *, struct view *, taddr_t, const struct block *);
/* seen: the moment of its end is known. */
void counters_freed(struct heap *, struct view *, taddr_t, const struct block *, bool seen);
void counters_freed_by(struct heap *, int entry, uint64_t bytes); /* by which function */
/* Behind all else that the event does. */
void counters_called(struct heap *, struct view *, const struct heap_event *);
void counters_thread_ended(struct heap *, struct view *);

#endif
