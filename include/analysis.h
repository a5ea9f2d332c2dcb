/* The analysis as the front drives it: records in, commands out. What it knows
 * is asked through heap.h. */
#ifndef ANALYSIS_H
#define ANALYSIS_H

#include "fn.h"
#include "heap_event.h"
#include "record.h"

struct analysis_options {
	unsigned depth;  /* frames kept of a stack */
	bool growth;     /* only system calls that map: no trap in any allocator */
	bool no_maps;    /* system calls that map are left alone */
	bool rss;        /* what is in memory is taken apart at every comparison */
	bool operators;  /* C++'s are trapped too, not only what they call */
	bool free_stacks; /* every free's stack is wanted */
	bool callers;     /* who calls each free is, if its stack is not */
	bool usable_each; /* what each block is worth is to be told with its event */
	bool mismatches; /* whose free is of another family than their allocation */
	bool usable;     /* what the live blocks are worth is to be told */
	bool client_stats; /* the program may ask for its statistics, which are written to it */
	bool raw_stacks; /* with the frames of wrappers: operator new, strdup */
	const struct heap_listener *listener; /* must stay; NULL: none */
	const char *debug_dir; /* a root of debug files besides /usr/lib/debug, or NULL */
};

/* These are traced too, in every heap made behind this. They must stay. False: no memory. */
bool heap_trace_functions(const struct fn *, size_t count);
/* Why number i of them is not traced, a sentence that lives as long as the program; NULL: it is. */
const char *heap_fn_problem(const struct heap *, size_t i);

/* Where they are met a HEAP_EVENT_POINT is told, in every heap made behind this. They must stay. */
bool heap_watch_points(const struct point *, size_t count); /* false: no memory */
/* Why number i of them is not met, as heap_fn_problem; NULL: it is, in some process. */
const char *heap_point_problem(const struct heap *, size_t i);

/* Of one address space. A new image in it begins anew. */
struct heap *heap_new(const struct analysis_options *); /* NULL: no memory or no capstone */
/* Of a child that was forked, and waits for CMD_GO: what lives in its memory is inherited,
 * what it does is counted from now on. NULL: no memory. */
struct heap *heap_fork(const struct heap *, const struct record_fork *);
void heap_free(struct heap *);
void heap_apply(struct heap *, const struct record *);
/* The oldest command not yet sent, or NULL; heap_sent drops it. */
const struct record *heap_command(const struct heap *);
void heap_sent(struct heap *);

/* Of this process: has a debuginfod server not answered, so that none is asked any more? A copy of
 * the process may have found out, and then tells it. */
bool heap_server_is_silent(void);
/* May one be asked, and waited for? At first it may. What was named without one is named anew. */
void heap_ask_server(bool);
void heap_give_up_on_server(void);

struct heap_program { /* of the program now running; strings live until the next exec */
	int pid;
	int parent; /* its parent's number when it began, or 0 */
	const char *exe;
	const char *const *cmdline; /* NULL-terminated */
	uint64_t began_ns;          /* CLOCK_MONOTONIC of the trace's begin */
};
const struct heap_program *heap_program(const struct heap *);
/* Asks for the traps of allocators' functions to be taken out, or put back; REC_OFF and REC_ON tell
 * when they are. False: no memory. */
bool heap_switch(struct heap *, bool on);
bool heap_is_off(const struct heap *);
/* Asks for what heap_maps tells to be compared with the kernel's list. False: it cannot be. */
bool heap_ask_maps(struct heap *);
bool heap_awaits_maps(const struct heap *);
/* Takes the time of a look at every live block, for heap_usable; behind a comparison, when nothing
 * is held for it any more. */
void heap_look_at_usable(struct heap *);
void heap_note(struct heap *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
