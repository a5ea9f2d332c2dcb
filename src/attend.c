#include "attend.h"

#include <unistd.h>

#include "signals.h"
#include "timer.h"

void attend_wait(struct session *session, int ms)
{
	uint64_t rung;

	polls_wait(&session->polls, ms);
	if (read(session->tracer.doorbell, &rung, sizeof(rung)) < 0)
		return; /* nobody rang */
}

void attend_leave(struct session *session)
{
	session->leaving |= !session->tracer_ended;
	streams_release(&session->streams, true);
}

static bool only_others_are_left(const struct session *session)
{
	return session->options->follow &&
	       (session->target.ended || session->processes.first->ended);
}

unsigned attend_signals(struct session *session)
{
	unsigned asked = signals_take(session->signals, &session->target, session->tracer.pid,
	                              only_others_are_left(session));

	if (asked & SIGNALS_REPORT)
		session->due = "dump";
	if (asked & SIGNALS_URGED)
		streams_release(&session->streams, false);
	if (asked & SIGNALS_REOPEN && !streams_reopen(&session->streams) && session->target.attached)
		attend_leave(session);
	if (asked & SIGNALS_LEAVE)
		attend_leave(session);
	return asked;
}

void attend_timers(struct session *session)
{
	if (timer_fired(session->interval))
		session->due = "interval";
	if (timer_fired(session->duration))
		attend_leave(session);
}
