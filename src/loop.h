/* A session while it runs: records to the analysis, its commands to the tracer, signals to
 * whom they are meant for, reports when they are due. */
#ifndef LOOP_H
#define LOOP_H

#include "alerts.h"
#include "ctl.h"
#include "databases.h"
#include "listeners.h"
#include "polls.h"
#include "reporting.h"
#include "streams.h"
#include "target.h"
#include "tracer.h"

struct session {
	struct options *options; /* what is shown may change while it runs */
	struct tracer tracer;
	struct target target;
	struct processes processes;
	struct reporting reporting;
	struct recording recording;
	struct listeners listeners;
	struct alerts alerts;
	struct polls polls;
	struct streams streams;
	struct ctl ctl;
	struct http *metrics; /* NULL: they are not served */
	bool metrics_ready;   /* to be served */
	struct databases databases;
	int signals, interval, duration; /* descriptors; -1: none */
	bool leaving;     /* all that is traced is to be let go */
	bool told_to;     /* the tracer has been told so */
	bool tracer_gone; /* its process is */
	bool tracer_ended, tracer_lost;
	bool failed;      /* not for want of a report; see loop_has_failed */
	const char *due;  /* the reason for a report that is due, or NULL */
	struct one_off *due_for; /* one that somebody has asked for is due, or NULL */
	uint64_t awaiting_ms; /* since when the last reports' readers are waited for; 0: they are not */
	bool told_awaiting;
};

/* Of a session whose tracer has been asked for the target. Returns when nothing is traced any
 * more and every report is written. */
void loop_run(struct session *);
bool loop_has_failed(const struct session *);

#endif
