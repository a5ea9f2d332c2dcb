/* Figures that are counted as events come, and can begin anew at any moment: a reset or a mark
 * takes nothing from the report's own. Handed out as in heap.h. */
#ifndef HEAP_COUNTERS_H
#define HEAP_COUNTERS_H

#include "heap.h"

#define HEAP_SIZES 65      /* 0, then powers of two: i is of sizes below 1 << i */
#define HEAP_LIFETIMES 48  /* the same in microseconds, the last one and above */
#define HEAP_MARKS 64
#define HEAP_MARK_NAME 64  /* with its end */

struct heap_sum {
	uint64_t count, bytes; /* requested */
	uint64_t usable;       /* what the C library makes of that; see usable_known */
};

struct heap_counters { /* since the last reset, or since the trace began */
	uint64_t since_ms;   /* when that was, since the trace began */
	uint64_t resets;
	struct heap_sum allocated;
	struct heap_sum freed;         /* of blocks allocated since */
	struct heap_sum freed_earlier; /* of blocks that lived then already */
	struct heap_sum live;          /* allocated - freed */
	struct heap_sum peak;          /* the most of each that lived at a time */
	uint64_t temporary;            /* freed by their thread's next call */
	uint64_t sizes[HEAP_SIZES];    /* of the blocks allocated, by requested bytes */
	bool usable_known;             /* every block is glibc's */
	bool off;                      /* it is switched off: as of then */
};

struct heap_calls { /* of a function, since the last reset */
	struct heap_function of;
	uint64_t freed; /* bytes of the blocks that were given back to it */
};

struct heap_thread { /* by the calls that it made, since the last reset */
	int tid;         /* 0: all that have ended */
	uint64_t ended;  /* how many those are */
	uint64_t allocs, bytes, frees, freed_bytes, temporary;
};

struct heap_lifetimes { /* of freed blocks of one site, in ns */
	uint64_t count, min_ns, mean_ns, max_ns;
	uint64_t counts[HEAP_LIFETIMES];
};

struct heap_site_counters { /* since the trace began */
	uint64_t bytes;     /* requested in all */
	uint64_t temporary; /* as above */
	struct heap_lifetimes lifetimes;
};

struct heap_thread_site { /* of one site, what one thread has allocated there */
	uint32_t site;
	int tid;
	uint64_t live_blocks, live_bytes, allocs;
	int64_t delta;    /* bytes, of the last change, by whichever thread */
	uint64_t last_ms; /* when that was, since the trace began */
};

struct heap_growth { /* of one site, since a mark */
	uint32_t site;
	const char *function;
	int64_t blocks, bytes; /* live: more than then */
	uint64_t allocs, frees, allocated; /* since; bytes */
};

struct heap_group { /* the sites of one library, or function: innermost that is no wrapper */
	const char *name; /* path, or demangled; NULL: not known */
	uint64_t live_blocks, live_bytes, allocs, frees, bytes;
};
enum heap_group_by { HEAP_BY_LIBRARY, HEAP_BY_FUNCTION };

const struct heap_counters *heap_counters(struct heap *);
void heap_counters_reset(struct heap *);
/* As heap_functions; the array is the caller's to free. */
struct heap_calls *heap_functions_since(const struct heap *, size_t *count);
/* As heap_vm, but as it is now; 0: not known any more. */
size_t heap_vm_now(struct heap *, const struct heap_vm_figure **);
/* By number, those that have ended last; the array is the caller's to free. */
struct heap_thread *heap_thread_list(const struct heap *, size_t *count);
struct heap_site_counters heap_site_counters(const struct heap *, uint32_t site);
/* Largest first; site 0, tid 0: any. The array is the caller's to free. */
struct heap_thread_site *heap_thread_sites(const struct heap *, uint32_t site, int tid,
                                           size_t *count);
size_t heap_site_count(const struct heap *); /* the highest number that one has */

/* What each site holds now, by a name, which may be in use already. 0, -ENAMETOOLONG, -ENOSPC:
 * there are HEAP_MARKS, -ENOMEM. */
int heap_mark(struct heap *, const char *name);
size_t heap_marks(const struct heap *, const char *names[HEAP_MARKS]);
/* What has changed from one mark to another, or to now (NULL), most bytes more first. The array is
 * the caller's to free; NULL with *count = 0: there is no such mark, or no memory. */
struct heap_growth *heap_diff(const struct heap *, const char *from, const char *to,
                              size_t *count);
bool heap_has_mark(const struct heap *, const char *name);

/* Most live bytes first, names resolved now; the array is the caller's to free. */
struct heap_group *heap_groups(struct heap *, enum heap_group_by, size_t *count);

#endif
