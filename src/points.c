#include "points.h"

/* As it is now: what the target does meanwhile is not applied before the copy is made. */
static void dump(struct session *session, struct heap *heap, const struct heap_event *event)
{
	(void)heap, (void)event;
	reporting_await(&session->reporting);
	reporting_dump(&session->reporting, "dump");
}

static void (*const actions[POINT_ACTIONS])(struct session *, struct heap *,
                                            const struct heap_event *) = {
	[POINT_DUMP] = dump,
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
