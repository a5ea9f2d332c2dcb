#include "points.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "figures.h"
#include "heap_counters.h"
#include "log.h"

/* As it is now: what the target does meanwhile is not applied before the copy is made. */
static void dump(struct session *session, struct heap *heap, const struct heap_event *event)
{
	(void)heap, (void)event;
	reporting_dump_now(&session->reporting);
}

static void mark(struct session *session, struct heap *heap, const struct heap_event *event)
{
	static bool said;
	int error = heap_mark(heap, event->name);

	(void)session;
	errno = -error;
	if (error == 0 || said)
		return;
	said = true; /* a loop has no end of them */
	if (error == -ENOSPC)
		warn("no more than %d marks: \"%s\" is not kept", HEAP_MARKS, event->name);
	else
		warn("the mark \"%s\" is not kept:", event->name);
}

static void reset(struct session *session, struct heap *heap, const struct heap_event *event)
{
	(void)session, (void)event;
	heap_counters_reset(heap);
}

static const struct traced *traced_of(const struct session *session, const struct heap *heap)
{
	for (size_t i = 0; i < session->processes.count; i++)
		if (session->processes.list[i]->heap == heap)
			return session->processes.list[i];
	return NULL;
}

static void stat(struct session *session, struct heap *heap, const struct heap_event *event)
{
	const struct traced *traced = traced_of(session, heap);
	struct figures figures = { .sections = session->options->stats, .time = time(NULL) };
	struct report head;
	FILE *to = traced && log_has_room() ? fdopen(fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3), "w") : NULL;

	(void)event;
	if (!to)
		return;
	head = reporting_head(&session->reporting, traced);
	figures.report = &head;
	figures_stat(to, &figures);
	fclose(to);
}

static void log_on(struct session *session, struct heap *heap, const struct heap_event *event)
{
	(void)heap, (void)event;
	streams_log(&session->streams, true);
}

static void log_off(struct session *session, struct heap *heap, const struct heap_event *event)
{
	(void)heap, (void)event;
	streams_log(&session->streams, false);
}

/* A tag and statistics are the analysis' own. */
static void (*const actions[POINT_ACTIONS])(struct session *, struct heap *,
                                            const struct heap_event *) = {
	[POINT_MARK] = mark,     [POINT_PHASE] = mark,      [POINT_RESET] = reset,
	[POINT_STAT] = stat,     [POINT_DUMP] = dump,       [POINT_LOG_ON] = log_on,
	[POINT_LOG_OFF] = log_off,
};

static void tell(void *ctx, struct heap *heap, const struct heap_event *event)
{
	if (event->kind == HEAP_EVENT_POINT && actions[event->action])
		actions[event->action](ctx, heap, event);
}

void points_listen(struct session *session)
{
	listeners_add(&session->listeners, tell, session);
}
