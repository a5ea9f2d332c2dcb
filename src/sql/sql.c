#include "sql.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "clock.h"
#include "shortage.h"
#include "tell.h"

struct sql *sql_open(const struct sql_format *format, const char *path,
                     const struct sql_options *options, char why[SQL_WHY])
{
	struct store *store = format->dialect->open(path, why);
	struct sql *sql = store ? calloc(1, sizeof(*sql)) : NULL;

	if (!store)
		return NULL;
	snprintf(why, SQL_WHY, "no memory");
	if (!sql) {
		store->dialect->close(store, true);
		return NULL;
	}
	sql->options = *options;
	sql->replaces = format->dialect->replaces;
	sql->queue = queue_new(store, options->waits);
	if (sql->queue)
		return sql;
	free(sql);
	return NULL;
}

/* ---- processes ----------------------------------------------------------------------------- */

static struct known *find(struct sql *sql, const struct heap *heap)
{
	struct known *known = sql->last;

	if (known && known->heap == heap)
		return known;
	for (known = sql->first; known && known->heap != heap; known = known->next)
		;
	return sql->last = known;
}

/* Whose thread it is that forked. */
static struct known *parent_of(const struct sql *sql, const struct heap_event *event)
{
	struct known *known = sql->first;

	while (known && !table_find(&known->threads, (uint64_t)event->parent))
		known = known->next;
	return known;
}

static void put_trace(struct sql *sql, bool complete)
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
		put_trace(sql, false);
}

static const char *how_of(struct sql *sql, const struct heap_event *event)
{
	const char *how = event->kind == HEAP_EVENT_FORK ? "fork" :
	                  sql->options.attached ? "attach" : "exec";

	sql->options.attached = false;
	return how;
}

static struct known *meet(struct sql *sql, struct heap *heap, uint64_t before,
                          const struct heap_event *event)
{
	const struct heap_program *program = heap_program(heap);
	struct known *known = known_new(heap, ++sql->processes), *parent;

	if (!known) {
		queue_give_up(sql->queue);
		return NULL;
	}
	begin_trace(sql, program->began_ns);
	parent = event->kind == HEAP_EVENT_FORK ? parent_of(sql, event) : NULL;
	known->exe = program->exe ? strdup(program->exe) : NULL;
	if ((program->exe && !known->exe) || (parent && !known_inherit(known, parent)))
		queue_give_up(sql->queue);
	known->next = sql->first;
	sql->first = sql->last = known;
	rows_process_begins(sql, known, parent ? parent->id : before, how_of(sql, event));
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

static void end(struct sql *sql, struct known *known, const char *ending, int status,
                uint64_t now_ns)
{
	rows_process_ends(sql, known, ending, status, now_ns);
	forget(sql, known);
}

/* ---- what is told -------------------------------------------------------------------------- */

static void tell_begin(struct sql *sql, struct heap *heap, const struct heap_event *event)
{
	struct known *known = find(sql, heap);
	uint64_t before = known ? known->id : 0;

	if (known)
		end(sql, known, "exec", 0, event->time_ns);
	known = meet(sql, heap, before, event);
	if (known)
		tell_event(sql, known, event);
}

static void tell_exit(struct sql *sql, struct known *known, const struct heap_event *event)
{
	int status = event->status;

	tell_event(sql, known, event);
	if (WIFSIGNALED(status))
		end(sql, known, "signal", WTERMSIG(status), event->time_ns);
	else
		end(sql, known, "exit", WEXITSTATUS(status), event->time_ns);
}

void sql_tell(void *ctx, struct heap *heap, const struct heap_event *event)
{
	struct sql *sql = ctx;
	struct known *known;

	if (!queue_takes(sql->queue))
		return;
	if (event->kind == HEAP_EVENT_IMAGE || event->kind == HEAP_EVENT_FORK) {
		tell_begin(sql, heap, event);
		return;
	}
	known = find(sql, heap);
	if (!known && sql->options.recorded)
		known = meet(sql, heap, 0, event);
	if (!known)
		return;
	if (event->kind == HEAP_EVENT_EXIT)
		tell_exit(sql, known, event);
	else
		tell_event(sql, known, event);
}

void sql_end(struct sql *sql, struct heap *heap, uint64_t now_ns)
{
	struct known *known = find(sql, heap);

	if (known)
		end(sql, known, queue_takes(sql->queue) ? "detach" : NULL, 0, now_ns);
}

void sql_flush(struct sql *sql)
{
	queue_flush(sql->queue);
}

bool sql_failed(struct sql *sql, char why[SQL_WHY])
{
	return queue_failed(sql->queue, why);
}

bool sql_close(struct sql *sql, char why[SQL_WHY])
{
	bool whole;

	while (sql->first)
		end(sql, sql->first, NULL, 0, clock_ns(CLOCK_MONOTONIC));
	if (sql->begun)
		put_trace(sql, queue_takes(sql->queue) && !shortage_count());
	whole = queue_close(sql->queue, why);
	free(sql);
	return whole;
}
