/* Which call is an event: the outermost one a thread makes into an allocator
 * function, also when signal handlers and calls that never return come between.
 *
 * A thread keeps a small stack of pending calls, each known by its slot, the
 * address of its return address. While a call is pending, a call with a lower
 * slot is made by it (nested) and is no event; a call with a higher slot proves
 * that the pending one's frame is gone (longjmp, cancellation): it is abandoned.
 * Equal slots: a tail jump to another allocator function, or the same place
 * calling again after the first call was left.
 *
 * A signal handler that runs while a call is pending is marked by a barrier: what
 * it calls is its own, not the interrupted call's. The barrier holds the handler's
 * slot and goes when the handler returns, which is trapped. A handler that never
 * returns jumps out of the call as well: seen when something is called that does
 * not belong to the handler's stack, that is, when the frame nearest above it is
 * not the barrier. Until then what is called is an event either way. Pure. */
#ifndef CALL_H
#define CALL_H

#include "record.h"

#define CALLS_MAX 16

struct call {
	taddr_t slot;
	taddr_t entry; /* the probe's address; 0: a signal barrier */
	uint32_t function;
	uint32_t name_count; /* as in record_call */
	struct record_name names[RECORD_NAMES];
	uint64_t args[RECORD_ARGS];
	taddr_t module; /* the probe's */
	uint32_t flags; /* enum probe_flags */
	bool had_block; /* what it gives back lived */
};

struct calls {
	struct call stack[CALLS_MAX];
	unsigned depth;
};

enum call_verdict {
	CALL_OUTERMOST, /* an event; push it if its end will be seen */
	CALL_NESTED,    /* none */
	CALL_ABANDONED, /* the top is a call that will never return: pop, report, ask again */
	CALL_LEFT       /* the top is a handler that was jumped out of, and so was the
	                   call it interrupted: pop both, report, ask again */
};

static inline struct call *calls_top(struct calls *calls)
{
	return calls->depth ? &calls->stack[calls->depth - 1] : NULL;
}

enum call_verdict calls_judge(const struct calls *, taddr_t slot, taddr_t entry);
/* 0, or -ENOSPC with nothing changed. */
int calls_push(struct calls *, const struct call *);
/* The pending call whose return address lies at slot, or NULL. */
struct call *calls_find(struct calls *, taddr_t slot);
/* What is pending of the functions from begin to end is not awaited any more. */
void calls_drop(struct calls *, uint32_t begin, uint32_t end);
/* The handler whose return address lay at slot has returned. */
void calls_handler_returned(struct calls *, taddr_t slot);

#endif
