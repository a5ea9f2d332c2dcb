/* Is a function that was found by its code what it is taken for? Each of its calls either fits,
 * or cannot be judged, or does not fit; what only a fault of the program could explain besides
 * must happen more often than what fits. Pure. */
#ifndef TRIAL_H
#define TRIAL_H

#include "heap.h"
#include "vma.h"

#define TRIAL_CALLS 64 /* that fit: it is believed, and watched no more */

enum fit {
	FIT_YES,
	FIT_UNKNOWN, /* where it lies is not known */
	FIT_ODD,     /* the program may be at fault */
	FIT_NEVER
};

/* Of the calls made since the count began. */
struct tally {
	uint64_t calls, failed, null, bytes; /* as in struct heap_function */
	uint64_t missed_calls, unknown_frees, double_frees, earlier_frees, truncated_stacks;
};

struct trial { /* of one function; all zero: it has a name, and needs none */
	enum heap_trust trust;
	uint32_t fitted, odd, unknown;
	bool whole; /* all that hands out such blocks in its module was found */
	struct tally tally; /* what is to be withdrawn if it is refuted */
};

/* Only while it is on trial. False: with this it is refuted. */
bool trial_count(struct trial *, enum fit);

enum place { /* of a block */
	PLACE_HEAP, /* memory that may be read and written, of no file */
	PLACE_CROOKED, /* not aligned */
	PLACE_NOWHERE, /* where no program has anything */
	PLACE_NOT_MAPPED,
	PLACE_LOCKED,  /* not to be read and written */
	PLACE_STACK,
	PLACE_FILE,    /* a file's, or what looks the same: shared or huge pages */
	PLACE_MODULE,  /* among what the program was loaded with, its .bss included */
	PLACE_UNKNOWN
};

/* The address alone: CROOKED, NOWHERE, else HEAP. Blocks are aligned to 16 on x86-64, but smaller
 * ones may be to 8: nothing in them can need more. */
enum place trial_address(taddr_t, uint64_t size);
enum place trial_place(const struct vmas *, taddr_t, uint64_t size);
enum fit trial_fit(enum place); /* of a result */
const char *trial_tell(enum place); /* "is not aligned"; static */

#endif
