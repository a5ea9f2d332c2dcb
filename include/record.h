/* The record stream: what the tracer saw, as plain values without pointers.
 * Every record begins with struct record and is a multiple of 8 bytes long. */
#ifndef RECORD_H
#define RECORD_H

#include "arch.h"
#include "map_call.h"
#include "point.h"

struct record {
	uint32_t len;   /* bytes, this header included */
	uint32_t kind;  /* enum record_kind, or enum command_kind */
	uint32_t image; /* of an address space: every exec and every fork begins another,
	                   no number comes twice; a command for one that is gone is void */
	int32_t tid;
	int32_t pid;
	uint32_t pad;
	uint64_t time_ns; /* CLOCK_MONOTONIC */
};

enum record_kind {
	REC_SEIZED,  /* struct record_status: 0 or errno */
	REC_ATTACHED, /* to a process that runs and goes on doing so */
	REC_EXEC,    /* a new image; the thread is held until CMD_GO */
	REC_FORK,    /* struct record_fork: a child with a copy of the memory; it is held until
	                CMD_GO */
	REC_UNFOLLOWED, /* struct record_status: errno; a child of this process was let go */
	REC_LEFT,    /* a child was let go before an exec that gives it privileges */
	REC_LOADER,  /* modules came or went; the thread is held until CMD_GO */
	REC_RETURNS, /* struct record_returns: the thread is held until CMD_GO */
	REC_ENTER,   /* struct record_call: a PROBE_REPORT entry of an outermost call */
	REC_ENTER_STACK, /* struct record_entered: the same, and its stack */
	REC_RETURN,  /* struct record_return: an outermost call returned */
	REC_ABANDON, /* struct record_call: an outermost call will never return */
	REC_MAP,     /* struct record_map: a system call that maps has returned */
	REC_QUIET,   /* no such call is under way; records of those before have come */
	REC_LEAVING, /* as QUIET, and the process will exit: CMD_LOUD lets it */
	REC_UNQUIET, /* there was no such moment for long */
	REC_UNORDERED, /* one was let go though another had not returned for long */
	REC_FEW_CALLS, /* of 1,000 system calls none mapped where no trap stands */
	REC_THREAD_BEGIN, /* struct record_thread */
	REC_THREAD_END,
	REC_EXIT,    /* struct record_status: the process's wait status */
	REC_REFUSED, /* struct record_refused: a trap was not planted */
	REC_EARLIER, /* struct record_earlier: a call begun before the attach has returned */
	REC_RELEASED, /* the process is let go, in front of a clone with CLONE_UNTRACED */
	REC_POINT,   /* struct record_point: a thread has come to a PROBE_POINT; with PROBE_AWAIT it
	                is held until CMD_GO */
	REC_WATCH,   /* struct record_watch: a function that is watched begins or ends */
	REC_OFF,     /* no trap is left in any allocator's function; calls under way were abandoned */
	REC_ON,      /* they are back: what begins from here on is seen */
	REC_LIFTED,  /* struct record_lifted: no trap is left in the image */
	REC_END      /* struct record_end, the tracer's last: nothing is traced any more */
};

struct record_status {
	struct record record;
	int32_t status, pad;
};

struct record_fork { /* record: of the child, a new image */
	struct record record;
	uint32_t from; /* the image that was copied */
	int32_t parent; /* the thread that forked */
};

struct record_returns { /* an EXIT is wanted */
	struct record record;
	taddr_t addr;      /* there: it is no trap yet */
	uint32_t function, pad; /* of this one */
};

struct record_earlier {
	struct record record;
	uint64_t result;
};

struct record_refused {
	struct record record;
	taddr_t addr;
	int32_t error, pad; /* errno; EILSEQ: the byte there is not the one planned for */
};

struct record_thread {
	struct record record;
	int32_t creator, pad; /* the thread that began it; 0: not known, as it was there before us */
	taddr_t start, arg;   /* what it runs, as pthread_create was told; or 0 */
};

struct record_point {
	struct record record;
	uint32_t point, pad; /* struct probe.function */
	uint64_t args[POINT_ARGS];
	char texts[POINT_ARGS][POINT_TEXT]; /* where it has PROBE_STRING, ends with 0 */
};

struct record_lifted { /* of the text pages that had traps, once they were lifted */
	struct record record;
	uint32_t pages;       /* compared with what they were; 0: the memory is gone */
	uint32_t differences; /* bytes */
};

struct record_end {
	struct record record;
	uint64_t stops;       /* of all threads, since the traps were planted */
	uint64_t cpu_ns;      /* what the tracer has used since */
	uint64_t watched_ns;  /* from then until they were lifted */
};

#define NO_FUNCTION UINT32_MAX /* no struct probe.function */
#define RECORD_ARGS 3

struct record_watch {
	struct record record;
	uint32_t function; /* struct probe.function of the trap; of an end maybe another one's */
	uint16_t ended, held; /* held: until CMD_GO */
	taddr_t slot;      /* address of the return address */
	uint64_t values[RECORD_ARGS]; /* the arguments; or the result, and nothing more */
};

#define RECORD_NAMES 4

struct record_name { /* a PROBE_NAME that was met on the way to the call */
	uint32_t function, pad;
	taddr_t slot; /* as record_call.slot, of the wrapper */
	uint64_t arg; /* its argument 0 */
};

/* The bytes of the caller's stack are sent as a change to the image the thread
 * left behind with its last record: [addr, addr + len) is in bytes[], [addr + len, end)
 * is as it was. */
struct record_stack {
	taddr_t addr, end;
	taddr_t other_addr;      /* in a signal handler with a stack of its own: the */
	uint32_t len, other_len; /* interrupted one's bytes, behind those of bytes[] */
	uint32_t stalls, pad;    /* times the ring was full so far */
	uint8_t bytes[];
};

struct record_call {
	struct record record;
	uint32_t function; /* struct probe.function of the outermost call's entry */
	uint32_t name_count; /* at most RECORD_NAMES */
	taddr_t slot;      /* address of the return address */
	uint64_t args[RECORD_ARGS];
};

struct record_entered {
	struct record_call call;
	struct arch_frame frame; /* of the function itself, at the trap */
	struct record_stack stack; /* from its stack pointer on */
};

struct record_return {
	struct record_call call;
	uint64_t result;
	uint64_t out;              /* what argument 0 points at, with PROBE_OUT_PARAM */
	uint64_t before;           /* the word in front of the block, with PROBE_USABLE; or 0 */
	struct arch_frame frame;   /* the caller */
	struct record_stack stack; /* from the slot on */
};

/* They end the record; outermost first; may be stale. */
static inline const struct record_name *record_names(const struct record_call *call)
{
	return (const struct record_name *)((const uint8_t *)call + call->record.len) -
	       call->name_count;
}

struct record_map {
	struct record record;
	struct map_call call;
	uint32_t function; /* of the allocator's call that makes it, or NO_FUNCTION */
	uint32_t held;     /* until CMD_GO */
	struct arch_frame frame; /* the thread itself, behind the system call */
	struct record_stack stack; /* from its stack pointer on */
};

#endif
