/* Recordings: every event of traced processes, and what else their reports need, in a file that
 * any moment can be read of without the rest, and up to where it ends if its writer was killed.
 * Its form is described in src/trace/form.h. */
#ifndef TRACE_H
#define TRACE_H

#include "analysis.h"

struct trace_mark { /* a moment of which the program was reported */
	const char *reason;
	uint64_t now_ns;  /* CLOCK_MONOTONIC */
	unsigned number;  /* of the dump; 0: the last report of the process */
	bool child;       /* not the first process */
	bool ended;
	int status;       /* when it has ended, as waitpid gives it */
};

/* ---- writing ------------------------------------------------------------------------- */

struct trace_writer;

/* NULL with errno, EWOULDBLOCK: another session writes there. The file is replaced by what comes,
 * once something comes. */
struct trace_writer *trace_create(const char *path);
/* A heap_listener's tell: ctx is the writer. Nothing here waits for the disk. */
void trace_tell(void *ctx, struct heap *, const struct heap_event *);
void trace_mark(struct trace_writer *, struct heap *, const struct trace_mark *);
/* All names of the process, after its last mark. */
void trace_names(struct trace_writer *, struct heap *);
void trace_flush(struct trace_writer *); /* what was told so far is on its way to the file */
/* An errno for which the recording has ended early, or 0. ENOBUFS: the disk could not keep up. */
int trace_error(struct trace_writer *);
/* Waits for the disk. The same errno. */
int trace_close(struct trace_writer *);

/* ---- reading ------------------------------------------------------------------------- */

struct trace;

struct trace_process { /* one program of one process */
	uint32_t track;
	int pid;
	enum trace_begin { TRACE_EXEC, TRACE_ATTACH, TRACE_FORK } how; /* it began */
	int parent;  /* the thread that forked it, or the process that began it; or 0 */
	uint64_t first_ns, last_ns; /* CLOCK_MONOTONIC: what is recorded of it */
	uint64_t events;
};

/* NULL: why says what is wrong, a sentence without a subject. Before any heap is made. */
struct trace *trace_open(const char *path, const char **why);
void trace_free(struct trace *);
/* What was not readable, a sentence without a subject, or NULL. *offset: where, in bytes. */
const char *trace_damage(const struct trace *, uint64_t *offset);
/* In the order they began; another program of the same process is one more. */
size_t trace_processes(const struct trace *, const struct trace_process **);

struct trace_moment {
	size_t block;        /* the place of a mark; SIZE_MAX: by time */
	uint64_t now_ns;     /* up to when */
};
/* The marks of a process, in their order: *at goes from 0 on. False: no more. The reason lives
 * as long as the trace. */
bool trace_next_mark(struct trace *, uint32_t track, size_t *at, struct trace_mark *,
                     struct trace_moment *);
/* The process as it was then, the caller's to free before the trace. NULL: nothing of it is
 * readable, or it had not begun. The moment becomes an earlier one when what leads to it is not
 * readable. */
struct heap *trace_heap(struct trace *, uint32_t track, const struct analysis_options *,
                        struct trace_moment *);

struct trace_audience {
	struct heap_listener told;
	/* It has ended, or its moment has come; lost: or what leads to it is not readable. The
	 * heap, of which nothing is told any more, is NULL if nothing at all is. */
	void (*end)(void *ctx, const struct trace_process *, struct heap *, bool lost);
};
/* All processes as they went on together, each up to its moment, which may become an earlier one:
 * what is told is what listeners were told live, from the begin of each on. False: no memory. */
bool trace_play(struct trace *, const struct analysis_options *,
                struct trace_moment *moments, /* as trace_processes has them */
                const struct trace_audience *);
uint64_t trace_realtime_offset(const struct trace *); /* ns to add to the clock's for the date */

#endif
