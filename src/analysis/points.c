#include "points.h"

#include <alloctrace/client.h>
#include <string.h>

#include "account.h"
#include "outbox.h"
#include "point_find.h"
#include "tag.h"
#include "view.h"

static void set_tag(struct heap *heap, const struct heap_event *event)
{
	struct view *view = view_of(heap, event->tid);

	if (!view)
		return;
	view->tag = tag_stack(heap, event->name, event->detail);
	view->stack.count = 0; /* its frames' stacks had another end */
}

/* Into the buffer the program has passed; as much of it as it has room for. */
static void answer(struct heap *heap, const struct record_point *record)
{
	const struct heap_totals *totals = &heap->totals;
	const struct alloctrace_stats stats = {
		totals->allocs, totals->frees, totals->bytes_allocated, totals->bytes_freed,
		totals->live_blocks, totals->live_bytes, totals->peak_live_bytes,
	};
	struct command_write *write;

	_Static_assert(sizeof(stats) <= COMMAND_WRITE_MAX, "it goes as one");
	write = (struct command_write *)command_add(heap, CMD_WRITE, record->record.tid, sizeof(*write));
	if (write) {
		write->addr = record->args[0];
		write->len = record->args[1] < sizeof(stats) ? record->args[1] : sizeof(stats);
		memcpy(write->bytes, &stats, sizeof(stats));
	}
	command_add(heap, CMD_GO, record->record.tid, sizeof(struct record));
}

void points_met(struct heap *heap, const struct record_point *record)
{
	const struct point *point = point_numbered(record->point);
	struct heap_event event = account_event(HEAP_EVENT_POINT, &record->record);

	event.action = point ? point->action : record->point - (uint32_t)point_count();
	event.name = !point ? record->texts[0] : point->name ? point->name : "";
	event.detail = record->texts[1];
	if (event.action == POINT_TAG)
		set_tag(heap, &event);
	account_apply(heap, &event);
	if (event.action == POINT_STATS)
		answer(heap, record);
}
