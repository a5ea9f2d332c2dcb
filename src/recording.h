/* --record: what a session keeps of all it sees. */
#ifndef RECORDING_H
#define RECORDING_H

#include "listeners.h"
#include "options.h"
#include "polls.h"
#include "processes.h"
#include "trace.h"

struct recording { /* all zero: nothing is kept */
	const char *path;
	struct trace_writer *writer;
	int timer; /* for what came to be written, be it little */
	bool told; /* that it has ended early */
};

/* Ends our process when the file can't be written. What is given must stay. */
void recording_init(struct recording *, const struct options *, struct listeners *, struct polls *);
/* The process is about to be reported, or was for the last time: mark->number is 0. */
void recording_mark(struct recording *, const struct traced *, const struct trace_mark *);
/* False: what came is not all in the file, which was said. */
bool recording_end(struct recording *);

#endif
