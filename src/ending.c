/* Whatever is waited for here may never come: signals end the waiting, and clients are served all
 * the time. */
#include "ending.h"

#include "alert_command.h"
#include "attend.h"
#include "clock.h"
#include "log.h"
#include "metrics.h"
#include "signals.h"

#define PATIENCE_MS 2000

/* What signals ask. */
static unsigned linger(struct session *session)
{
	attend_wait(session, NAP_MS);
	attend_timers(session);
	ctl_work(session);
	metrics_work(session);
	return attend_signals(session);
}

/* ---- reports ------------------------------------------------------------------------ */

void ending_events(struct session *session, struct heap *heap)
{
	streams_end(&session->streams, heap);
	databases_end(&session->databases, heap);
}

static void tell_awaited(struct session *session)
{
	uint64_t now = clock_ms();

	if (!session->awaiting_ms)
		session->awaiting_ms = now;
	if (now - session->awaiting_ms < PATIENCE_MS || session->told_awaiting ||
	    !reporting_has_reader(&session->reporting))
		return;
	warn("a report is waited for: nobody reads it, or its names take long; Ctrl-C gives it up");
	session->told_awaiting = true;
}

/* A reader who never comes is not waited for any more when that is asked. */
static void await_writer(struct session *session)
{
	tell_awaited(session);
	if (linger(session) & (SIGNALS_LEAVE | SIGNALS_URGED))
		reporting_give_up_all(&session->reporting);
	reporting_reap(&session->reporting);
}

void ending_reports(struct session *session, const char *reason)
{
	struct processes *processes = &session->processes;
	struct traced *first = processes->first;

	for (size_t i = 0; i < processes->count; i++)
		ending_events(session, processes->list[i]->heap);
	if (session->target.ended && !first->ended) {
		first->ended = true;
		first->status = session->target.status;
	}
	heap_ask_server(true);
	reporting_give_up_asked(&session->reporting);
	for (size_t i = processes->count; i-- > 0;) { /* as they would end: the first one last */
		while (!reporting_may_end(&session->reporting))
			await_writer(session);
		reporting_end(&session->reporting, processes->list[i],
		              processes->list[i]->ended ? "exit" : reason);
	}
}

/* ---- what others still do ----------------------------------------------------------- */

/* What readers have not read yet. */
static void finish_streams(struct session *session)
{
	while (streams_linger(&session->streams))
		linger(session);
	session->failed |= !streams_finish(&session->streams);
}

/* Commands for alerts, until somebody has waited for long enough. */
static void await_commands(struct session *session)
{
	while (alert_command_any() && !(linger(session) & (SIGNALS_LEAVE | SIGNALS_URGED)))
		;
}

void ending_finish(struct session *session)
{
	while (session->reporting.writers.count)
		await_writer(session);
	finish_streams(session);
	await_commands(session);
	session->failed |= !databases_close(&session->databases);
}
