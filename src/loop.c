/* The front never waits for the tracer without draining its records: the tracer
 * may be waiting for room to write them. */
#include "loop.h"

#include <sys/wait.h>
#include <unistd.h>

#include "at_once.h"
#include "attend.h"
#include "crash.h"
#include "ending.h"
#include "fn_check.h"
#include "log.h"
#include "metrics.h"
#include "send.h"
#include "signals.h"
#include "timer.h"

bool loop_has_failed(const struct session *session)
{
	return session->failed || session->reporting.failed;
}

/* ---- records ---------------------------------------------------------------------- */

static void on_seized(struct session *session, int error)
{
	if (error == 0) {
		tracer_watch(guard_tracer_killed);
		crash_launched();
		target_seized(&session->target);
		return;
	}
	session->failed = true;
	target_refused(&session->target, error);
	attend_leave(session);
}

static void on_stuck(struct session *session)
{
	if (!session->leaving)
		warn("no memory: the program is let go");
	session->failed = true;
	attend_leave(session);
}

/* Their reports are written now where others may go on; but not amid a dump, for which those
 * others would then wait. */
static void report_ended(struct session *session)
{
	struct processes *processes = &session->processes;

	if (!session->options->follow)
		return;
	for (size_t i = processes->count; i-- > 0 && reporting_may_end(&session->reporting);) {
		struct traced *traced = processes->list[i];

		if (!traced->ended && !traced->released)
			continue;
		ending_events(session, traced->heap);
		reporting_end(&session->reporting, traced, "exit");
		if (traced != processes->first)
			processes_drop(processes, traced);
	}
}

static void on_exit_of(struct session *session, const struct traced *traced)
{
	if (traced == session->processes.first && session->target.attached) {
		session->target.status = traced->status;
		session->target.ended = true;
	}
	report_ended(session);
}

/* What is known of it is of this moment. */
static void on_released(struct session *session, struct traced *traced)
{
	if (session->options->follow) {
		report_ended(session);
		return;
	}
	if (!reporting_may_end(&session->reporting))
		return;
	ending_events(session, traced->heap);
	reporting_end(&session->reporting, traced, "detach");
}

static void on_end(struct session *session)
{
	session->tracer_ended = true;
	if (session->leaving && !session->failed)
		ending_reports(session, "detach");
}

/* All modules are known: what is not there now was named wrongly. Nothing has been planted. */
static void on_attached(struct session *session, struct traced *traced)
{
	bool good = fn_check(&session->options->fns, traced->heap);

	if (point_check(&session->options->points, traced->heap) && good)
		return;
	while (heap_command(traced->heap))
		heap_sent(traced->heap);
	session->failed = true;
	attend_leave(session);
}

/* One that is let go in front of an exec is dropped when the record is applied. */
static void end_of_left(struct session *session, const struct record *record)
{
	const struct processes *processes = &session->processes;

	for (size_t i = 0; i < processes->count; i++)
		if (processes->list[i]->image == record->image &&
		    processes->list[i]->pid == record->pid)
			streams_end(&session->streams, processes->list[i]->heap);
}

static void on_record(struct session *session, const struct record *record)
{
	struct traced *traced;
	bool stuck = false;

	if (record->kind == REC_EXEC || record->kind == REC_EXIT) /* they are forgotten with it */
		at_once_tell(&session->reporting);
	if (record->kind == REC_EXEC)
		streams_flush_of(&session->streams, record->pid, record->time_ns);
	if (record->kind == REC_LEFT)
		end_of_left(session, record);
	if (record->kind == REC_SEIZED) {
		on_seized(session, ((const struct record_status *)record)->status);
		return;
	}
	if (record->kind == REC_END) {
		if (!session->options->follow) /* what it has cost is all processes' */
			heap_apply(session->processes.first->heap, record);
		on_end(session);
		return;
	}
	traced = processes_apply(&session->processes, record, &stuck);
	if (stuck)
		on_stuck(session);
	if (traced && record->kind == REC_ATTACHED)
		on_attached(session, traced);
	if (traced && record->kind == REC_EXIT)
		on_exit_of(session, traced);
	if (traced && record->kind == REC_RELEASED)
		on_released(session, traced);
}

static void send_commands(struct session *session)
{
	send_all(&session->tracer, &session->processes);
	if (session->leaving && !session->told_to &&
	    (session->failed || reporting_compare_maps(&session->reporting)))
		session->told_to = send_command(&session->tracer, CMD_DETACH, session->target.pid);
}

/* All that is there now: what comes meanwhile is for the next time, or whoever asks for something
 * would wait as long as the target is faster than we are. True when there was something. */
static bool drain(struct session *session)
{
	struct ring *ring = &session->tracer.records;
	const struct record *record;
	size_t left, len;

	ring_peek(ring, &left);
	for (bool any = left;; any = true) {
		record = ring_peek(ring, &len);
		if (left == 0 || streams_brake(&session->streams))
			return any;
		left -= record->len;
		on_record(session, record);
		ring_consume(ring, record->len);
		if (session->processes.last)
			send_of(&session->tracer, session->processes.last);
	}
}

/* ---- children --------------------------------------------------------------------- */

static void tracer_lost(struct session *session)
{
	size_t left;

	drain(session);
	if (session->tracer_ended || streams_brake(&session->streams))
		return; /* its leave may be among the records that are still there */
	session->tracer_ended = session->tracer_lost = true;
	left = processes_restore(&session->processes);
	if (left)
		warn("the tracer was killed: %zu traps could not be taken out of the target", left);
	else
		warn("the tracer was killed: every trap is taken out of the target; "
		     "a thread that stood on one is lost");
	session->failed = true;
}

static void reap(struct session *session)
{
	if (!session->tracer_gone)
		session->tracer_gone = waitpid(session->tracer.pid, NULL, WNOHANG) > 0;
	if (session->tracer_gone && !session->tracer_ended)
		tracer_lost(session);
	target_reap(&session->target);
	reporting_reap(&session->reporting);
	report_ended(session);
}

/* ---- what is due ------------------------------------------------------------------ */

/* Every trap stands that was asked for. */
static bool is_tracing(struct session *session)
{
	return session->processes.first->executed && !processes_wait(&session->processes) &&
	       ring_empty(&session->tracer.commands);
}

static bool is_dump_due(const struct session *session)
{
	return (session->due || session->due_for) && !session->reporting.writers.count;
}

/* One who asked goes before what comes again and again. */
static void make_dump(struct session *session)
{
	struct one_off *asked = session->due_for;

	reporting_dump(&session->reporting, asked ? "dump" : session->due, asked);
	session->due_for = NULL;
	if (!asked)
		session->due = NULL;
}

static void begin_duration(struct session *session)
{
	session->duration = timer_open(session->options->duration_ms, false);
	if (session->duration >= 0)
		polls_add(&session->polls, session->duration, POLLIN, NULL, NULL);
}

/* A dump tells that tracing has begun, and the time it is to last begins then. */
static void once_tracing(struct session *session)
{
	if (session->tracer_ended)
		session->due = NULL; /* nobody to ask */
	if (session->tracer_ended || !is_tracing(session))
		return;
	if (session->duration < 0)
		begin_duration(session);
	if (is_dump_due(session) && reporting_compare_maps(&session->reporting)) {
		drain(session);
		make_dump(session);
	}
}

static bool is_awaited(const struct session *session)
{
	return ctl_is_awaited(session) ||
	       (!session->tracer_ended &&
	       (is_dump_due(session) || (session->options->duration_ms && session->duration < 0) ||
	        (session->leaving && !session->told_to)));
}

/* ---- the loop --------------------------------------------------------------------- */

static void sleep_until_due(struct session *session, bool busy)
{
	struct ring *ring = &session->tracer.records;
	bool unsent = is_awaited(session) || processes_wait(&session->processes), braked;

	streams_work(&session->streams);
	braked = streams_brake(&session->streams);
	ring_set_reader(ring, braked ? RING_AWAKE : busy ? RING_NAPPING : RING_ASLEEP);
	if (busy || braked || ring_empty(ring))
		attend_wait(session, unsent ? 1 : busy ? NAP_MS : -1);
	ring_set_reader(ring, RING_AWAKE);
}

static bool is_over(const struct session *session)
{
	return session->tracer_ended && (session->target.ended || session->target.attached);
}

void loop_run(struct session *session)
{
	heap_ask_server(false); /* by whom the program would wait */
	polls_add(&session->polls, session->tracer.doorbell, POLLIN, NULL, NULL);
	polls_add(&session->polls, session->signals, POLLIN, NULL, NULL);
	if (session->interval >= 0)
		polls_add(&session->polls, session->interval, POLLIN, NULL, NULL);
	while (!is_over(session)) {
		bool busy = drain(session);

		at_once_tell(&session->reporting);
		send_commands(session);
		attend_signals(session);
		once_tracing(session);
		attend_timers(session);
		reap(session);
		ctl_work(session);
		metrics_work(session);
		send_commands(session);
		if (!is_over(session))
			sleep_until_due(session, busy);
	}
	drain(session);
	waitpid(session->tracer.pid, NULL, 0);
	attend_signals(session); /* what came with the program's end is not about what follows */
	if (!session->leaving)
		ending_reports(session, session->tracer_lost ? "detach" : "exit");
	ending_finish(session);
}
