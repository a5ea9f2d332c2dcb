/* A session while it runs: records to the analysis, its commands to the tracer, signals to
 * whom they are meant for, reports when they are due. */
#ifndef LOOP_H
#define LOOP_H

#include "alerts.h"
#include "databases.h"
#include "listeners.h"
#include "polls.h"
#include "reporting.h"
#include "streams.h"
#include "target.h"
#include "tracer.h"

struct session {
	const struct options *options;
	struct tracer tracer;
	struct target target;
	struct processes processes;
	struct reporting reporting;
	struct listeners listeners;
	struct alerts alerts;
	struct polls polls;
	struct streams streams;
	struct databases databases;
	int signals, interval, duration; /* descriptors; -1: none */
	bool leaving;     /* all that is traced is to be let go */
	bool told_to;     /* the tracer has been told so */
	bool tracer_ended, tracer_lost;
	bool failed;      /* not for want of a report; see loop_has_failed */
	const char *due;  /* the reason for a report that is due, or NULL */
};

/* Of a session whose tracer has been asked for the target. Returns when nothing is traced any
 * more and every report is written. */
void loop_run(struct session *);
bool loop_has_failed(const struct session *);

#endif
