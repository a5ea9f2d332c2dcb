#include "listeners.h"

#include "log.h"

void listeners_add(struct listeners *listeners,
                   void (*tell)(void *ctx, struct heap *, const struct heap_event *), void *ctx)
{
	if (listeners->count == LISTENERS_MAX)
		die(EXIT_OURS, "cannot start: more than %d streams", LISTENERS_MAX);
	listeners->list[listeners->count++] = (struct heap_listener){ tell, ctx };
}

static void tell_all(void *ctx, struct heap *heap, const struct heap_event *event)
{
	const struct listeners *listeners = ctx;

	for (unsigned i = 0; i < listeners->count; i++)
		listeners->list[i].tell(listeners->list[i].ctx, heap, event);
}

const struct heap_listener *listeners_all(struct listeners *listeners)
{
	listeners->all = (struct heap_listener){ tell_all, listeners };
	return listeners->count ? &listeners->all : NULL;
}
