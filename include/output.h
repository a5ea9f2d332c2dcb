/* Report formats: one row each in outputs[], one file each in src/output. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdio.h>

#include "heap_counters.h"

struct suppressed { /* one suppression and what it covers now */
	const char *name;
	const char *file; /* where it stands, or NULL: built in */
	unsigned line;
	uint64_t blocks, bytes;
};

struct report {
	const char *reason; /* "exit", "dump", "interval", "detach" */
	uint64_t time_ms;   /* since the trace began */
	uint64_t date_s;    /* the same moment, since 1970 (UTC); 0: not known */
	int pid;
	const char *exe;            /* path of the executable now running */
	const char *const *cmdline; /* NULL-terminated */
	bool child; /* of a traced process: a report beside that one's */
	const char *ending;         /* "exited with status 3", "killed by SIGSEGV", or NULL */
	struct heap *heap;
	struct heap_query query;
	uint64_t bare_stop_ns, bare_stop_cpu_ns; /* of a trap that nobody looks at, and of its
	                                            tracer; 0: not measured */
	bool growth;     /* only what is mapped is known */
	bool blocks;     /* list them too */
	size_t top;      /* sites to show; 0: the format's own default */
	const struct suppressed *suppressed; /* the built-in ones only when they cover something */
	size_t suppressed_count;
	const bool *covered; /* by a suppression, by site id; or NULL */
	bool colour;     /* destination is a terminal that wants it */
	bool one_line;   /* destination is a stream: a record is one line */
};

struct output {
	const char *name;     /* "text" in -o text:PATH */
	const char *suffix;   /* of a path that infers it, ".txt" */
	/* Writes one report; the caller checks ferror and closes. */
	void (*write)(FILE *, const struct report *);
	/* One error of the program, as soon as it is met; or NULL. Of the report the head is used. */
	void (*tell)(FILE *, const struct report *, const struct heap_error *);
	bool usable; /* it asks for heap_usable */
};

extern const struct output outputs[];
extern const size_t output_count;
const struct output *output_by_name(const char *name, size_t len); /* or NULL */
const struct output *output_by_path(const char *path);             /* or NULL */

#endif
