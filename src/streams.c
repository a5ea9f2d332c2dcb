#include "streams.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "timer.h"

#define AGE_MS 60000    /* of orphans, by default */
#define RETRY_MS 500
#define LINGER_MS 1000  /* for a reader that does not read */

struct streaming { /* one process */
	struct heap *heap;
	int pid;
	char *cwd, *maps;
	struct told {
		const struct stream *stream;
		struct stream_process process;
		struct sink *sink; /* or NULL: there is none */
	} each[OUTPUTS_MAX];
};

/* ---- sinks ---------------------------------------------------------------------------------- */

/* NULL with errno. */
static struct sink *add_sink(struct streams *streams, const struct dest *dest, int pid)
{
	struct sink **grown = realloc(streams->sinks, (streams->sink_count + 1) * sizeof(*grown));
	struct sink *sink;

	if (!grown)
		return NULL;
	streams->sinks = grown;
	sink = sink_new(dest, pid, streams->options, streams->polls);
	if (sink)
		grown[streams->sink_count++] = sink;
	return sink;
}

static const char *why_lost(const struct sink *sink)
{
	if (sink->failed)
		return "it could not be written";
	if (sink->options->on_block == SINK_WAITS)
		return "the waiting for its reader was ended";
	return "its reader was too slow; --on-block wait makes the program wait for it";
}

static void tell_lost(const struct sink *sink)
{
	char name[32];

	snprintf(name, sizeof(name), "descriptor %d", sink->given);
	if (sink->dropped)
		warn("%s: %llu events were dropped: %s", sink->kind == DEST_FD ? name : sink->path,
		     (unsigned long long)sink->dropped, why_lost(sink));
}

static void drop_sink(struct streams *streams, size_t i)
{
	struct sink *sink = streams->sinks[i];

	tell_lost(sink);
	streams->failed |= sink->failed;
	sink_free(sink);
	streams->sinks[i] = streams->sinks[--streams->sink_count];
}

static bool is_used(const struct streams *streams, const struct sink *sink)
{
	struct table_slot *slot;

	for (unsigned i = 0; i < streams->count; i++)
		if (streams->list[i].sink == sink)
			return true;
	for (size_t at = 0; (slot = table_next(&streams->by_heap, &at));) {
		const struct streaming *one = (const struct streaming *)(uintptr_t)slot->value;

		for (unsigned i = 0; i < streams->count; i++)
			if (one->each[i].sink == sink)
				return true;
	}
	return false;
}

/* Those of processes that have ended, when all is written. */
static void drop_unused(struct streams *streams)
{
	for (size_t i = streams->sink_count; i-- > 0;)
		if (sink_is_empty(streams->sinks[i]) && !is_used(streams, streams->sinks[i]))
			drop_sink(streams, i);
}

/* ---- the begin ------------------------------------------------------------------------------ */

static void add(struct streams *streams, const struct dest *dest)
{
	struct stream *stream = &streams->list[streams->count++];
	int error = dest_check(dest);

	*stream = (struct stream){ .dest = dest, .apart = strstr(dest->path, "%p") };
	errno = -error;
	if (!error && !stream->apart)
		stream->sink = add_sink(streams, dest, getpid());
	if (error || (!stream->apart && !stream->sink))
		die(EXIT_OURS, "cannot stream to %s:", dest->path);
}

static void serve_flush(void *ctx, short revents)
{
	struct streams *streams = ctx;

	(void)revents;
	if (timer_fired(streams->flush))
		streams->flush_ns = clock_ns(CLOCK_MONOTONIC);
}

static bool any_flushes(const struct streams *streams)
{
	bool any = false;

	for (unsigned i = 0; i < streams->count; i++)
		any |= streams->list[i].dest->stream->flush != NULL;
	return any;
}

void streams_init(struct streams *streams, const struct options *options, struct polls *polls)
{
	uint64_t age_ms = options->query.min_age_ms ? options->query.min_age_ms : AGE_MS;

	*streams = (struct streams){
		.options = &options->streams, .polls = polls, .min_age_ms = age_ms, .flush = -1,
		.retry = -1, .follow = options->follow, .attached = options->pid,
		.epoch_ns = (int64_t)(clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC)),
	};
	for (unsigned i = 0; i < options->streams.dest_count; i++)
		add(streams, &options->streams.dests[i]);
	if (!any_flushes(streams))
		return;
	streams->flush = timer_open(options->streams.flush_ms ? options->streams.flush_ms : age_ms,
	                            true);
	if (streams->flush >= 0)
		polls_add(polls, streams->flush, POLLIN, serve_flush, streams);
}

bool streams_tell_callers(const struct streams *streams)
{
	bool callers = false;

	for (unsigned i = 0; i < streams->count; i++)
		callers |= streams->list[i].dest->stream->callers;
	return callers;
}

bool streams_tell_usable(const struct streams *streams)
{
	bool usable = false;

	for (unsigned i = 0; i < streams->count; i++)
		usable |= streams->list[i].dest->stream->usable;
	return usable;
}

/* ---- processes ------------------------------------------------------------------------------ */

/* NULL: not there, or no memory. */
static char *read_all(int pid, const char *what)
{
	char path[64], *text = NULL;
	size_t len = 0;
	ssize_t n = 1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, what);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && n > 0) {
		char *grown = realloc(text, len + 65536 + 1);

		if (!grown)
			break;
		text = grown;
		n = read(fd, text + len, 65536);
		len += n > 0 ? (size_t)n : 0;
		text[len] = 0;
	}
	if (fd >= 0)
		close(fd);
	return text;
}

static char *read_cwd(int pid)
{
	char link[64], path[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%d/cwd", pid);
	n = readlink(link, path, sizeof(path));
	return n > 0 ? strndup(path, (size_t)n) : NULL;
}

static struct streaming *find(const struct streams *streams, const struct heap *heap)
{
	const uint64_t *at = table_find(&streams->by_heap, (uintptr_t)heap);

	return at ? (struct streaming *)(uintptr_t)*at : NULL;
}

static void take_sink(struct streams *streams, struct told *told, int pid)
{
	told->sink = told->stream->sink;
	if (!told->stream->apart || told->sink)
		return;
	told->sink = add_sink(streams, told->stream->dest, pid);
	if (told->sink)
		return;
	warn("cannot stream to %s:", told->stream->dest->path);
	streams->failed = true;
}

static struct streaming *meet(struct streams *streams, struct heap *heap)
{
	uint64_t *at = table_put(&streams->by_heap, (uintptr_t)heap);
	struct streaming *one = at ? calloc(1, sizeof(*one)) : NULL;

	if (!one) {
		table_remove(&streams->by_heap, (uintptr_t)heap);
		return NULL;
	}
	*at = (uintptr_t)one;
	one->heap = heap;
	one->pid = heap_program(heap)->pid;
	for (unsigned i = 0; i < streams->count; i++) {
		one->each[i].stream = &streams->list[i];
		take_sink(streams, &one->each[i], one->pid);
	}
	return one;
}

static void forget(struct streams *streams, struct streaming *one)
{
	for (unsigned i = 0; i < streams->count; i++)
		stream_forget(one->each[i].stream->dest->stream, &one->each[i].process);
	table_remove(&streams->by_heap, (uintptr_t)one->heap);
	free(one->cwd);
	free(one->maps);
	free(one);
}

/* ---- what is told --------------------------------------------------------------------------- */

static void take(struct streams *streams, struct sink *sink)
{
	if (streams->off) {
		sink_discard(sink);
		return;
	}
	sink_take(sink);
	streams->brakes |= sink_brakes(sink);
}

static struct stream_process describe(const struct streams *streams, const struct streaming *one,
                                      const struct told *told, const struct heap_event *event)
{
	const struct heap_program *program = heap_program(one->heap);

	return (struct stream_process){
		.heap = one->heap, .pid = one->pid, .exe = program->exe, .cmdline = program->cmdline,
		.cwd = one->cwd, .maps = one->maps, .epoch_ns = streams->epoch_ns,
		.tagged = streams->follow && !told->stream->apart,
		.compat = streams->options->compat, .min_age_ms = streams->min_age_ms,
		.how = event->kind == HEAP_EVENT_FORK ? STREAM_FORK :
		       streams->attached ? STREAM_ATTACH : STREAM_EXEC,
		.parent = event->parent, .now_ns = event->time_ns,
	};
}

static void begin(struct streams *streams, struct streaming *one, const struct heap_event *event)
{
	free(one->cwd);
	free(one->maps);
	one->cwd = read_cwd(one->pid);
	one->maps = read_all(one->pid, "maps");
	for (unsigned i = 0; i < streams->count; i++) {
		struct told *told = &one->each[i];

		stream_forget(told->stream->dest->stream, &told->process);
		told->process = describe(streams, one, told, event);
		if (!told->sink)
			continue;
		told->stream->dest->stream->begin(told->sink->file, &told->process);
		take(streams, told->sink);
	}
	streams->attached = false;
}

/* now_ns: what is old then. False: there is more than the sink has room for. */
static bool flush(struct streams *streams, struct told *told, uint64_t now_ns, bool all)
{
	const struct stream_format *format = told->stream->dest->stream;

	while (told->sink && format->flush && !streams->off) {
		if (!all && sink_is_full(told->sink))
			return false;
		if (!format->flush(told->sink->file, &told->process, now_ns))
			return true;
		take(streams, told->sink);
	}
	return true;
}

static void note_dropped(struct streaming *one, const struct told *told)
{
	const struct sink *sink = told->sink;

	if (sink && sink->dropped)
		heap_note(one->heap, "%llu events are missing in the %s stream to %s",
		          (unsigned long long)sink->dropped, told->stream->dest->stream->name,
		          sink->path);
}

static void end(struct streams *streams, struct streaming *one, const struct heap_event *exit,
                uint64_t now_ns)
{
	for (unsigned i = 0; i < streams->count; i++) {
		struct told *told = &one->each[i];

		if (!told->sink)
			continue;
		told->sink->keeps = true;
		flush(streams, told, now_ns, true);
		told->process.now_ns = now_ns;
		told->stream->dest->stream->end(told->sink->file, &told->process, exit);
		take(streams, told->sink);
		told->sink->keeps = false;
		sink_write(told->sink);
		note_dropped(one, told);
	}
	forget(streams, one);
}

void streams_tell(void *ctx, struct heap *heap, const struct heap_event *event)
{
	struct streams *streams = ctx;
	struct streaming *one = find(streams, heap);
	bool begins = event->kind == HEAP_EVENT_IMAGE || event->kind == HEAP_EVENT_FORK;

	if (!one && begins)
		one = meet(streams, heap);
	if (!one)
		return;
	if (begins) {
		begin(streams, one, event);
		return;
	}
	if (event->kind == HEAP_EVENT_EXIT) {
		end(streams, one, event, event->time_ns);
		return;
	}
	for (unsigned i = 0; i < streams->count; i++) {
		struct told *told = &one->each[i];

		if (!told->sink)
			continue;
		told->process.now_ns = event->time_ns;
		told->stream->dest->stream->tell(told->sink->file, &told->process, event);
		take(streams, told->sink);
	}
}

void streams_end(struct streams *streams, struct heap *heap)
{
	struct streaming *one = find(streams, heap);

	if (one)
		end(streams, one, NULL, clock_ns(CLOCK_MONOTONIC));
}

/* ---- the loop ------------------------------------------------------------------------------- */

bool streams_brake(struct streams *streams)
{
	if (!streams->brakes)
		return false;
	streams->brakes = false;
	for (size_t i = 0; i < streams->sink_count; i++)
		streams->brakes |= sink_brakes(streams->sinks[i]);
	return streams->brakes;
}

static void flush_due(struct streams *streams)
{
	struct table_slot *slot;
	bool all = true;

	for (size_t at = 0; streams->flush_ns && (slot = table_next(&streams->by_heap, &at));) {
		struct streaming *one = (struct streaming *)(uintptr_t)slot->value;

		for (unsigned i = 0; i < streams->count; i++)
			all &= flush(streams, &one->each[i], streams->flush_ns, false);
	}
	if (all)
		streams->flush_ns = 0;
}

static void serve_retry(void *ctx, short revents)
{
	struct streams *streams = ctx;

	(void)revents;
	if (!timer_fired(streams->retry))
		return;
	for (size_t i = 0; i < streams->sink_count; i++)
		sink_retry(streams->sinks[i]);
}

static void set_retry(struct streams *streams, bool wanted)
{
	if (wanted == (streams->retry >= 0))
		return;
	if (wanted) {
		streams->retry = timer_open(RETRY_MS, true);
		if (streams->retry >= 0)
			polls_add(streams->polls, streams->retry, POLLIN, serve_retry, streams);
		return;
	}
	polls_drop(streams->polls, streams->retry);
	close(streams->retry);
	streams->retry = -1;
}

void streams_work(struct streams *streams)
{
	bool away = false;

	if (!streams->count)
		return;
	if (!streams_brake(streams))
		flush_due(streams);
	for (size_t i = 0; i < streams->sink_count; i++) {
		struct sink *sink = streams->sinks[i];

		if (!sink->polled)
			sink_write(sink);
		away |= sink->fd < 0 && !sink->gone;
	}
	set_retry(streams, away);
	drop_unused(streams);
}

void streams_release(struct streams *streams, bool for_good)
{
	for (size_t i = 0; i < streams->sink_count; i++)
		sink_release(streams->sinks[i], for_good);
}

bool streams_reopen(struct streams *streams)
{
	for (size_t i = 0; i < streams->sink_count; i++) {
		sink_write(streams->sinks[i]);
		sink_reopen(streams->sinks[i]);
	}
	return streams->count;
}

/* ---- the end -------------------------------------------------------------------------------- */

static bool is_awaited(const struct streams *streams, const struct sink *sink)
{
	uint64_t since = sink->progress_ms > streams->ending_ms ? sink->progress_ms :
	                                                          streams->ending_ms;

	if (sink_is_empty(sink) || sink->gone)
		return false;
	if (streams->options->on_block == SINK_WAITS && !sink->hurried)
		return !sink->released;
	return clock_ms() - since < LINGER_MS;
}

bool streams_linger(struct streams *streams)
{
	bool awaited = false;

	if (!streams->ending_ms)
		streams->ending_ms = clock_ms();
	streams_work(streams);
	for (size_t i = 0; i < streams->sink_count; i++)
		awaited |= is_awaited(streams, streams->sinks[i]);
	return awaited;
}

bool streams_finish(struct streams *streams)
{
	while (streams->sink_count) {
		sink_drop_rest(streams->sinks[streams->sink_count - 1]);
		drop_sink(streams, streams->sink_count - 1);
	}
	free(streams->sinks);
	table_deinit(&streams->by_heap);
	set_retry(streams, false);
	return !streams->failed;
}

/* ---- while it runs -------------------------------------------------------------------------- */

void streams_log(struct streams *streams, bool on)
{
	streams->off = !on;
}

int streams_redirect(struct streams *streams, const struct dest *dest)
{
	int error = dest_check(dest);
	struct table_slot *slot;
	struct sink *sink;

	errno = -error;
	sink = error ? NULL : add_sink(streams, dest, getpid());
	if (!sink)
		return -errno;
	for (unsigned i = 0; i < streams->count; i++) {
		streams->list[i].sink = sink;
		streams->list[i].apart = false;
	}
	for (size_t at = 0; (slot = table_next(&streams->by_heap, &at));) {
		struct streaming *one = (struct streaming *)(uintptr_t)slot->value;

		for (unsigned i = 0; i < streams->count; i++)
			one->each[i].sink = sink;
	}
	return 0;
}
