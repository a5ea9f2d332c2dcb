/* What a call did to the target's memory. All that is counted is made of these, in their order;
 * streams, recordings and alerts are told of them. */
#ifndef HEAP_EVENT_H
#define HEAP_EVENT_H

#include "heap.h"
#include "map_call.h"
#include "point.h"

enum heap_event_kind {
	HEAP_EVENT_ALLOC,         /* size was asked for, block handed out; 0: it failed */
	HEAP_EVENT_FREE,          /* given is taken back; 0: free(NULL) */
	HEAP_EVENT_REALLOC_BEGIN, /* another thread may be handed out given from now on */
	HEAP_EVENT_REALLOC,       /* it has returned: given is as it was where block is 0, unless
	                             gone says otherwise */
	HEAP_EVENT_REF,           /* given is to be freed once more */
	HEAP_EVENT_UNREF,         /* once less, or it is taken back */
	HEAP_EVENT_ABANDONED,     /* a call will never return: its begin is void */
	HEAP_EVENT_LOST,          /* one of which nothing more is known: no memory */
	HEAP_EVENT_EARLIER,       /* a call begun before the attach has returned block */
	HEAP_EVENT_MAP,           /* a system call that maps has returned */
	HEAP_EVENT_POINT,         /* a thread has come to where something is to be done */
	HEAP_EVENT_RESET,         /* counters begin anew */
	HEAP_EVENT_THREAD_BEGIN,
	HEAP_EVENT_THREAD_END,
	HEAP_EVENT_IMAGE,         /* a program begins, or is attached to: all begins anew */
	HEAP_EVENT_FORK,          /* a child begins as a copy of its parent */
	HEAP_EVENT_EXIT,          /* the process has ended */
	HEAP_EVENT_FOUND,         /* an allocator, at work: what it handed out before is not known */
	HEAP_EVENT_OFF,           /* no call is seen from here on */
	HEAP_EVENT_ON,            /* they are again: what lived is not known to live any more */
	HEAP_EVENTS
};

/* Of the address that is given back. */
enum heap_given {
	HEAP_GIVEN_NONE,    /* there is none, or its time has not come */
	HEAP_GIVEN_LIVE,
	HEAP_GIVEN_FREED,   /* already, and not handed out since */
	HEAP_GIVEN_LOADER,  /* the dynamic loader's own */
	HEAP_GIVEN_EARLIER, /* as far as can be told from before the attach */
	HEAP_GIVEN_MIDDLE,  /* in the midst of a block */
	HEAP_GIVEN_UNKNOWN  /* nobody was seen to allocate it */
};

struct heap_event {
	enum heap_event_kind kind;
	int tid;
	uint64_t time_ns;     /* CLOCK_MONOTONIC */
	const char *function; /* as heap_function.name, or the system call's; NULL: none */
	int entry;            /* the analysis' own number of it */
	uint32_t number;      /* of the function at its place, which may go by other names */
	uint32_t site;        /* heap_site.id, 0: not known */
	taddr_t given, block; /* the highest bit: of blocks beside others, struct fn */
	uint64_t size;        /* requested bytes */
	uint64_t usable;      /* bytes that block, or of a FREE given, has; 0: not known, or not
	                         asked for */
	int status;           /* EXIT: as waitpid gives it */
	int parent;           /* FORK, THREAD_BEGIN: the thread that did it; IMAGE: the process that
	                         began this one; or 0 */
	bool attached;        /* IMAGE: it had begun before */
	taddr_t start, start_arg; /* THREAD_BEGIN: what it runs, as pthread_create was told; or 0 */
	bool gone;            /* REALLOC: given is freed, though no block is handed out */
	const struct map_call *call; /* MAP */
	enum point_action action;    /* POINT, and the name and detail that go with it, or "" */
	const char *name, *detail;
	unsigned origin;             /* MAP: enum heap_origin, or the number of an allocator */

	/* What came of it, when it is told: */
	enum heap_given state;   /* of given */
	struct heap_block was;   /* given, where it was live; age_ms: how old it became */
	uint64_t was_ns;         /* and when it was allocated, as time_ns */
	bool unseen_free;        /* block lived: that it was freed was not seen */
};

const char *heap_event_state(const struct heap_event *);  /* of what is given, in a word */
const char *heap_event_action(const struct heap_event *); /* POINT */
/* Without what marks blocks beside others. */
static inline taddr_t heap_event_address(taddr_t addr)
{
	return addr & ~(UINT64_C(1) << 63);
}

/* Is told of every event once it is counted. */
struct heap_listener {
	void (*tell)(void *ctx, struct heap *, const struct heap_event *);
	void *ctx;
};

#endif
