#include "sql.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "meet.h"
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

/* ---- what is told -------------------------------------------------------------------------- */

static void tell_begin(struct sql *sql, struct heap *heap, const struct heap_event *event)
{
	bool execs = event->kind == HEAP_EVENT_IMAGE;
	struct known *known = execs ? meet_find_pid(sql, heap_program(heap)->pid) : NULL;
	uint64_t before = known ? known->id : 0;

	if (known)
		meet_end(sql, known, "exec", 0, event->time_ns);
	known = meet(sql, heap, before, event);
	if (known)
		tell_event(sql, known, event);
}

static void tell_exit(struct sql *sql, struct known *known, const struct heap_event *event)
{
	int status = event->status;

	tell_event(sql, known, event);
	if (WIFSIGNALED(status))
		meet_end(sql, known, "signal", WTERMSIG(status), event->time_ns);
	else
		meet_end(sql, known, "exit", WEXITSTATUS(status), event->time_ns);
}

void sql_tell(void *ctx, struct heap *heap, const struct heap_event *event)
{
	struct sql *sql = ctx;
	struct known *known;

	if (!queue_takes(sql->queue))
		return;
	sql->now_ns = event->time_ns;
	if (event->kind == HEAP_EVENT_IMAGE || event->kind == HEAP_EVENT_FORK) {
		tell_begin(sql, heap, event);
		return;
	}
	known = meet_find(sql, heap);
	if (!known)
		return;
	if (event->kind == HEAP_EVENT_EXIT)
		tell_exit(sql, known, event);
	else
		tell_event(sql, known, event);
}

void sql_end(struct sql *sql, struct heap *heap, uint64_t now_ns)
{
	struct known *known = meet_find(sql, heap);

	if (known)
		meet_end(sql, known, queue_takes(sql->queue) ? "detach" : NULL, 0, now_ns);
}

void sql_lose(struct sql *sql, struct heap *heap)
{
	struct known *known = heap ? meet_find(sql, heap) : NULL;

	sql->lost = true;
	if (known)
		meet_end(sql, known, NULL, 0, sql->now_ns);
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
		meet_end(sql, sql->first, NULL, 0, sql->now_ns);
	if (sql->begun)
		meet_trace(sql, queue_takes(sql->queue) && !sql->lost && !shortage_count());
	whole = queue_close(sql->queue, why);
	free(sql);
	return whole;
}
