/* A trace as a database: every event of every process, the blocks, the stacks, the maps, in
 * tables that are described in src/sql/schema.c. What is told is written by a thread of its own. */
#ifndef SQL_H
#define SQL_H

#include "analysis.h"

struct sql_format {
	const char *name;   /* "sqlite" in -o sqlite:PATH */
	const char *suffix; /* of a path that infers it */
	const struct dialect *dialect;
};

extern const struct sql_format sql_formats[];
extern const size_t sql_format_count;
const struct sql_format *sql_by_name(const char *name, size_t len); /* or NULL */
const struct sql_format *sql_by_path(const char *path);             /* or NULL */

#define SQL_WHY 256 /* bytes of a sentence without a subject */

struct sql_options {
	int64_t epoch_ns; /* CLOCK_REALTIME of CLOCK_MONOTONIC's 0 */
	bool waits;       /* for room, where the disk is too slow; else the database ends early */
};

struct sql;

/* What is in the file is replaced by what comes, once something comes. NULL, and why. */
struct sql *sql_open(const struct sql_format *, const char *path, const struct sql_options *,
                     char why[SQL_WHY]);
/* For struct heap_listener: ctx is the database. */
void sql_tell(void *ctx, struct heap *, const struct heap_event *);
/* Nothing comes of the process any more; it is let go, if it has not ended. Before heap_free. */
void sql_end(struct sql *, struct heap *, uint64_t now_ns);
/* What comes of the process is lost, with or without its heap: the trace is not complete. */
void sql_lose(struct sql *, struct heap *);
void sql_flush(struct sql *); /* what was told so far is on its way to the file */
/* Has it ended early? Then why. */
bool sql_failed(struct sql *, char why[SQL_WHY]);
/* Writes what is left and waits for it. False: it is not whole, and why. */
bool sql_close(struct sql *, char why[SQL_WHY]);

#endif
