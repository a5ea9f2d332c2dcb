#include "meet.h"

#include <stdlib.h>
#include <string.h>

#include "tell.h"

struct known *meet_find(struct sql *sql, const struct heap *heap)
{
	struct known *known = sql->last;

	if (known && known->heap == heap)
		return known;
	for (known = sql->first; known && known->heap != heap; known = known->next)
		;
	return sql->last = known;
}

/* Whose thread it is that forked. */
static struct known *known_by_thread(const struct sql *sql, int tid)
{
	struct known *known = sql->first;

	while (known && !table_find(&known->threads, (uint64_t)tid))
		known = known->next;
	return known;
}

struct known *meet_find_pid(const struct sql *sql, int pid)
{
	struct known *known = sql->first;

	while (known && heap_program(known->heap)->pid != pid)
		known = known->next;
	return known;
}

void meet_trace(struct sql *sql, bool complete)
{
	int64_t epoch_ns = (int64_t)sql->began_ns + sql->options.epoch_ns;

	queue_put_at_end(sql->queue, TRACE, (const struct value[COLUMNS_MAX]){
		[TRACE_VERSION] = number(SCHEMA_VERSION),
		[TRACE_BEGAN_US] = number((uint64_t)(epoch_ns / 1000)),
		[TRACE_COMPLETE] = number(complete),
	});
}

static void begin_trace(struct sql *sql, uint64_t began_ns)
{
	if (sql->begun)
		return;
	sql->begun = true;
	sql->began_ns = began_ns;
	if (sql->replaces)
		meet_trace(sql, false);
}

static const char *how_of(const struct heap_event *event)
{
	return event->kind == HEAP_EVENT_FORK ? "fork" : event->attached ? "attach" : "exec";
}

/* A child that runs another program without a fork that was seen: what it did before, in memory
 * that was its parent's, is the parent's. */
struct known *meet(struct sql *sql, struct heap *heap, uint64_t before,
                          const struct heap_event *event)
{
	const struct heap_program *program = heap_program(heap);
	bool forked = event->kind == HEAP_EVENT_FORK;
	struct known *parent = before ? NULL :
	                       forked ? known_by_thread(sql, event->parent) :
	                                meet_find_pid(sql, event->parent);
	struct known *known = known_new(heap, ++sql->processes);

	if (!known) {
		queue_give_up(sql->queue);
		return NULL;
	}
	begin_trace(sql, program->began_ns);
	known->exe = program->exe ? strdup(program->exe) : NULL;
	if ((program->exe && !known->exe) || (forked && parent && !known_inherit(known, parent)))
		queue_give_up(sql->queue);
	known->next = sql->first;
	sql->first = sql->last = known;
	rows_process_begins(sql, known, parent ? parent->id : before, how_of(event));
	return known;
}

static void forget(struct sql *sql, struct known *known)
{
	struct known **at = &sql->first;

	while (*at != known)
		at = &(*at)->next;
	*at = known->next;
	sql->last = NULL;
	known_free(known);
}

void meet_end(struct sql *sql, struct known *known, const char *ending, int status,
                uint64_t now_ns)
{
	rows_process_ends(sql, known, ending, status, now_ns);
	forget(sql, known);
}
