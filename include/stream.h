/* Formats of streams: every event as it comes, a row each in stream_formats[], one file each in
 * src/output. */
#ifndef STREAM_H
#define STREAM_H

#include <stdio.h>

#include "heap_event.h"
#include "table.h"

struct stream_process { /* whose events they are, as one stream has it */
	struct heap *heap;
	int pid;
	const char *exe; /* of the program now running */
	const char *const *cmdline; /* NULL-terminated */
	const char *cwd, *maps; /* as /proc has them when the program begins; or NULL */
	int64_t epoch_ns; /* CLOCK_REALTIME of CLOCK_MONOTONIC's 0 */
	bool tagged;      /* others are in the same stream */
	bool compat;      /* to the byte as the earlier tool had it, where that is not valid */
	enum stream_begin { STREAM_EXEC, STREAM_ATTACH, STREAM_FORK } how; /* it began */
	int parent;       /* FORK: the thread */
	uint64_t now_ns;  /* of the last event, CLOCK_MONOTONIC */
	uint64_t min_age_ms; /* of what is an orphan */
	struct table texts;  /* of stream_text */
	size_t text_bytes;
	void *state;         /* the format's own, made on demand; or NULL */
};

struct stream_format { /* what a function writes is whole lines; it is taken or dropped as one */
	const char *name;   /* "mtrace" in -o mtrace:PATH */
	const char *suffix; /* of a path that infers it; or NULL */
	bool callers, usable; /* it tells who calls a free; what blocks are worth */
	/* A program begins in the process. */
	void (*begin)(FILE *, struct stream_process *);
	void (*tell)(FILE *, struct stream_process *, const struct heap_event *);
	/* One more line of what is told later, now_ns on CLOCK_MONOTONIC; false: no more. Or NULL. */
	bool (*flush)(FILE *, struct stream_process *, uint64_t now_ns);
	/* exit: the process has ended; NULL: it is let go. */
	void (*end)(FILE *, struct stream_process *, const struct heap_event *exit);
	/* Another program begins, or the process is forgotten: so is the state. Or NULL. */
	void (*forget)(struct stream_process *);
};

extern const struct stream_format stream_formats[];
extern const size_t stream_format_count;
const struct stream_format *stream_by_name(const char *name, size_t len); /* or NULL */
const struct stream_format *stream_by_path(const char *path);             /* or NULL */

/* Is it a name that a reader of space-separated fields can take? */
bool stream_is_word(const char *name);
/* LIBRARY SYMBOL CALLER, as mtrace has them. */
void stream_caller_put(FILE *, struct heap *, uint32_t site);

/* All that is kept of a process, and its format's state. */
void stream_forget(const struct stream_format *, struct stream_process *);

#endif
