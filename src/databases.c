#include "databases.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "sink.h"
#include "timer.h"

#define FLUSH_MS 1000

static void tell(void *ctx, struct heap *heap, const struct heap_event *event)
{
	struct databases *databases = ctx;

	for (unsigned i = 0; i < databases->count; i++)
		sql_tell(databases->list[i].sql, heap, event);
}

/* The trace goes on. */
static void tell_failed(struct database *database, const char *why)
{
	if (!database->told)
		warn("the database %s ends early, the trace goes on: %s", database->path, why);
	database->told = true;
}

static void serve(void *ctx, short revents)
{
	struct databases *databases = ctx;
	char why[SQL_WHY];

	(void)revents;
	if (!timer_fired(databases->timer))
		return;
	for (unsigned i = 0; i < databases->count; i++) {
		sql_flush(databases->list[i].sql);
		if (sql_failed(databases->list[i].sql, why))
			tell_failed(&databases->list[i], why);
	}
}

static void check(const struct dest *dest)
{
	int error;

	if (dest->kind != DEST_FILE)
		die(EXIT_USAGE, "-o %s:%s: a database is a file; name its path", dest->sql->name,
		    dest->path);
	if (dest_has(dest->path, 'p'))
		die(EXIT_USAGE, "-o %s:%s: all processes are in one database; leave %%p out",
		    dest->sql->name, dest->path);
	error = dest_check(dest);
	errno = -error;
	if (error)
		die(EXIT_OURS, "cannot write the database %s:", dest->path);
}

/* Another session would empty it, or write between our lines. */
static void lock(struct database *database)
{
	if (database->locked < 0)
		database->locked = open(database->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (database->locked >= 0 && flock(database->locked, LOCK_EX | LOCK_NB) < 0)
		die(EXIT_OURS, "cannot write the database %s: another session does",
		    database->path);
}

static void add(struct databases *databases, const struct dest *dest,
                const struct sql_options *options)
{
	struct database *database = &databases->list[databases->count++];
	char why[SQL_WHY];

	check(dest);
	database->locked = -1;
	database->path = dest_stream_path(dest->path, getpid());
	if (!database->path)
		die(EXIT_OURS, "cannot write the database %s: no memory", dest->path);
	lock(database);
	database->sql = sql_open(dest->sql, database->path, options, why);
	if (!database->sql)
		die(EXIT_OURS, "cannot write the database %s: %s", dest->path, why);
	lock(database); /* if it was not there */
}

void databases_init(struct databases *databases, const struct options *options,
                    struct listeners *listeners, struct polls *polls,
                    const struct trace *recorded)
{
	const struct sql_options sql = {
		.epoch_ns = recorded ? (int64_t)trace_realtime_offset(recorded) :
		                       (int64_t)(clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC)),
		.waits = recorded || options->streams.on_block == SINK_WAITS,
	};

	for (unsigned i = 0; i < options->database_count; i++)
		add(databases, &options->databases[i], &sql);
	if (!databases->count)
		return;
	listeners_add(listeners, tell, databases);
	databases->timer = timer_open(FLUSH_MS, true);
	if (databases->timer >= 0)
		polls_add(polls, databases->timer, POLLIN, serve, databases);
}

void databases_end_at(struct databases *databases, struct heap *heap, uint64_t now_ns)
{
	for (unsigned i = 0; i < databases->count; i++)
		sql_end(databases->list[i].sql, heap, now_ns);
}

void databases_end(struct databases *databases, struct heap *heap)
{
	databases_end_at(databases, heap, clock_ns(CLOCK_MONOTONIC));
}

void databases_lose(struct databases *databases, struct heap *heap)
{
	for (unsigned i = 0; i < databases->count; i++)
		sql_lose(databases->list[i].sql, heap);
}

bool databases_close(struct databases *databases)
{
	bool whole = true;
	char why[SQL_WHY];

	for (unsigned i = 0; i < databases->count; i++) {
		struct database *database = &databases->list[i];

		if (!sql_close(database->sql, why))
			tell_failed(database, why);
		whole &= !database->told;
		if (database->locked >= 0) /* not before SQLite has done with the file */
			close(database->locked);
		free(database->path);
	}
	databases->count = 0;
	return whole;
}
