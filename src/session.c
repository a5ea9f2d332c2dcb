#include "session.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "alert_tell.h"
#include "crash.h"
#include "fn_check.h"
#include "log.h"
#include "loop.h"
#include "metrics.h"
#include "open_files.h"
#include "points.h"
#include "send.h"
#include "signals.h"
#include "timer.h"

/* The tracer and the target, which waits for it. */
static void start(struct session *session, struct title title)
{
	const struct tracer_options tracer = { session->options->depth, session->options->follow,
	                                       title.begin, title.len };
	struct launch_signals was;
	int error;

	if (session->options->glib)
		setenv("G_SLICE", "always-malloc", true);
	session->signals = signals_open(&was);
	session->interval = timer_open(session->options->interval_ms, true);
	session->duration = -1;
	error = tracer_start(&session->tracer, &tracer);
	if (error == 0)
		error = target_start(&session->target, session->tracer.pid, &was);
	errno = -error;
	if (error < 0 || session->signals < 0)
		die(EXIT_OURS, "cannot start:");
}

static void begin_to_trace(struct session *session)
{
	const struct analysis_options analysis = {
		.depth = session->options->depth, .growth = session->options->growth,
		.no_maps = session->options->no_maps, .rss = session->options->rss,
		.raw_stacks = session->options->raw_stacks,
		.operators = session->options->operators || session->options->mismatches,
		.free_stacks = session->options->free_stacks || session->options->mismatches,
		.mismatches = session->options->mismatches,
		.usable = reporting_asks_usable(session->options),
		.callers = streams_tell_callers(&session->streams) || session->databases.count,
		.usable_each = streams_tell_usable(&session->streams) || session->databases.count,
		.debug_dir = session->options->debug_dir,
		.client_stats = session->options->client_stats,
		.listener = listeners_all(&session->listeners),
	};

	if (session->options->follow)
		open_files_raise();
	signal(SIGPIPE, SIG_IGN); /* these fail with an errno instead */
	signal(SIGXFSZ, SIG_IGN);
	crash_guard();
	if (session->options->fns.count &&
	    !heap_trace_functions(session->options->fns.fns, session->options->fns.count))
		die(EXIT_OURS, "cannot start: no memory");
	if (!heap_watch_points(session->options->points.points, session->options->points.count))
		die(EXIT_OURS, "cannot start: no memory");
	processes_init(&session->processes, &analysis, session->target.pid);
	send_command(&session->tracer, session->target.attached ? CMD_ATTACH : CMD_SEIZE,
	             session->target.pid);
}

static int exit_status(const struct session *session)
{
	const struct target *target = &session->target;

	if (loop_has_failed(session))
		return EXIT_OURS;
	if (session->options->leak_exitcode && target->ended && session->reporting.left_blocks &&
	    WIFEXITED(target->status))
		return session->options->leak_exitcode;
	return target_exit_status(target);
}

int session_run(const struct options *options, struct title title)
{
	struct options own = *options;
	struct session session = { .options = &own };
	bool recorded;

	target_find(&session.target, options);
	reporting_init(&session.reporting, &own, &session.processes, &session.recording);
	streams_init(&session.streams, &own, &session.polls);
	if (session.streams.count)
		listeners_add(&session.listeners, streams_tell, &session.streams);
	recording_init(&session.recording, &own, &session.listeners, &session.polls);
	databases_init(&session.databases, &own, &session.listeners, &session.polls, NULL);
	start(&session, title);
	metrics_begin(&session);
	ctl_begin(&session);
	points_listen(&session);
	alert_listen(&session);
	begin_to_trace(&session);
	loop_run(&session);
	ctl_end(&session);
	metrics_end(&session);
	recorded = recording_end(&session.recording);
	target_check_ran(&session.target, loop_has_failed(&session));
	if (!session.target.attached && session.processes.first->executed) {
		fn_check(&options->fns, session.processes.first->heap);
		point_check(&options->points, session.processes.first->heap);
	}
	session.failed |= !recorded;
	alert_end(&session);
	reporting_deinit(&session.reporting);
	processes_deinit(&session.processes);
	return exit_status(&session);
}
