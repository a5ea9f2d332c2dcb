/* The threads being traced: every task the kernel reports to us. */
#ifndef THREAD_H
#define THREAD_H

#include <sys/types.h>

#include "last_free.h"
#include "map_call.h"
#include "plan.h"
#include "stack.h"

struct space;

enum thread_role {
	ROLE_UNKNOWN,  /* stopped before its parent's event said what it is */
	ROLE_TARGET,   /* of a traced process */
	ROLE_BORROWER, /* another process in the same memory: vfork, CLONE_VM */
	ROLE_COPY      /* a forked process, let go at its first stop */
};

enum go { /* how a handler wants the thread to go on */
	GO_RUN,    /* with signal sig, or none */
	GO_STEP,   /* one instruction, with signal sig, or none */
	GO_LISTEN, /* stay in group-stop, hear of its end */
	GO_HOLD,   /* not yet: thread_go_on follows */
	GO_DETACH, /* never again ours */
	GO_GONE    /* there is nothing to resume */
};

struct resume {
	enum go go;
	int sig;
};

/* Calls that hide those they make. The others are counted beside, see PROBE_BESIDE. */
struct layer {
	struct calls calls;
	struct last_free last_free;
};

enum { LAYER_HEAP, LAYER_BESIDE, LAYERS };

struct handler { /* the signal handler entered last */
	bool due;            /* stepping into it */
	taddr_t interrupted; /* the stack pointer it interrupted */
	taddr_t own_stack;   /* its slot, when it runs on a stack of its own; or 0 */
};

struct map { /* its system call that maps, see map.h */
	struct map_call call;
	taddr_t call_addr;       /* under way there; or 0 */
	struct arch_regs before; /* as it stood in front of it */
	taddr_t waits_at;        /* in front of it, for its turn; or 0 */
	uint64_t waits_since_ms;
	bool leaves;             /* what it waits for is to exit */
	taddr_t in_call;         /* stopped by every_call.h at the call there, which maps; or 0 */
	bool in_earlier_call;    /* maybe: attached to, none was seen to begin since */
};

struct thread {
	pid_t tid;
	pid_t pid;
	enum thread_role role;
	struct space *space; /* it is in, or (COPY) its traps are of; NULL: UNKNOWN */
	int first_stop; /* the signal, when it was born into a group that is stopped */
	bool begun; /* its first stop is past */
	bool forked; /* followed, and no exec yet */
	bool stopped;
	bool listening; /* in a group-stop */
	bool interrupted; /* its next stop is of our making */
	bool due;       /* at the farewell: a stop of it is still to come */
	bool goes_last;   /* when its space is released: it has asked for that */
	bool held;        /* the analysis has not answered */
	bool in_earlier_call; /* maybe: attached to, no call of it was seen to begin since */
	bool growing;     /* its stack, by a push, before the trap at step.addr is passed */
	taddr_t resumed_pc;   /* where an emulated trap sent it */
	taddr_t twin_of;      /* that is a twin of the code here; 0: it is not */
	taddr_t silent_addr;  /* its next hit of this trap is one already reported */
	uint64_t below;       /* the word under its stack pointer, while growing */
	struct start {        /* what a thread is to run, and with what */
		taddr_t addr, arg;
	} creates, start;     /* one that it creates; it itself */
	pid_t creator;        /* or 0 */
	struct probe step;    /* also: the trap a held thread stands on; addr 0: none */
	struct layer layers[LAYERS];
	struct record_name names[RECORD_NAMES]; /* outermost first */
	uint32_t name_count;
	struct handler handler;
	taddr_t internal_slot; /* of the allocator's own call, see PROBE_INTERNAL; or 0 */
	struct map map;
	struct capture capture;
};

struct thread *thread_find(pid_t tid);           /* or NULL */
struct thread *thread_add(pid_t tid, pid_t pid, enum thread_role); /* NULL: too many */
void thread_enter(struct thread *, struct space *); /* leaves the one it was in */
void thread_remove(struct thread *);
size_t thread_count(void);
struct thread *thread_next(size_t *at); /* all of them; start with *at = 0 */
void thread_forget_calls(struct thread *);
/* Those of another, which has just forked it. */
void thread_inherit_calls(struct thread *, const struct thread *parent);

/* It stands on the trap until CMD_GO. */
struct resume thread_hold(struct thread *, const struct probe *on);

/* Has it stop as soon as it can, which is then of our making; also one that sleeps in a system
 * call. False: it is gone. */
bool thread_interrupt(struct thread *);

/* The one place where a thread is resumed. A vanished thread is no error: its
 * exit will be reported. */
void thread_resume(struct thread *, struct resume);

#endif
