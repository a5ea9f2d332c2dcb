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
 * A signal handler that runs while a call is pending is marked by a barrier:
 * what it calls is its own, not the interrupted call's. The barrier holds the
 * handler's slot. Whether the handler still runs is read off the next call's
 * slot: it belongs to the frame nearest above it, the handler's or the pending
 * call's, which also tells an alternate stack from the thread's own. Pure. */
#ifndef CALL_H
#define CALL_H

#include "record.h"

#define CALLS_MAX 16

struct call {
	taddr_t slot;
	taddr_t entry; /* the probe's address; 0: a signal barrier */
	uint32_t function;
	uint32_t name; /* as in record_call */
	taddr_t name_slot;
	uint64_t name_arg;
	uint64_t args[RECORD_ARGS];
	uint8_t flags; /* enum probe_flags */
};

struct calls {
	struct call stack[CALLS_MAX];
	unsigned depth;
};

enum call_verdict {
	CALL_OUTERMOST, /* an event; push it if its end will be seen */
	CALL_NESTED,    /* none */
	CALL_ABANDONED, /* the top is a call that will never return: pop, report, ask again */
	CALL_LEFT       /* the top is a handler that has ended: pop, ask again */
};

static inline struct call *calls_top(struct calls *calls)
{
	return calls->depth ? &calls->stack[calls->depth - 1] : NULL;
}

/* restorer_intact: the top, when it is a barrier, still has its return address. */
enum call_verdict calls_judge(const struct calls *, taddr_t slot, taddr_t entry,
                              bool restorer_intact);
/* 0, or -ENOSPC with nothing changed. */
int calls_push(struct calls *, const struct call *);
/* The pending call whose return address lies at slot, or NULL. */
struct call *calls_find(struct calls *, taddr_t slot);

#endif
