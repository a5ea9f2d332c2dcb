#include "streams.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "streaming.h"
#include "timer.h"

#define AGE_MS 60000 /* of orphans, by default */

/* ---- the begin ------------------------------------------------------------------------------ */

static void add(struct streams *streams, const struct dest *dest)
{
	struct stream *stream = &streams->list[streams->count++];
	int error = dest_check(dest);

	if (dest_has(dest->path, 'n'))
		die(EXIT_USAGE, "-o %s: %%n is a dump's number, and a stream has none; %%p is the "
		    "process, %%t the time", dest->path);
	*stream = (struct stream){ .format = dest->stream, .dest = dest,
		                   .apart = dest_has(dest->path, 'p') };
	errno = -error;
	if (!error && !stream->apart)
		stream->sink = sinks_add(&streams->sinks, dest, getpid());
	if (error || (!stream->apart && !stream->sink))
		die(EXIT_OURS, "cannot stream to %s:", dest->path);
	if (stream->sink && !sink_can_rotate(stream->sink))
		die(EXIT_USAGE, "-o %s: --on-full rotate renames a file, and this is not its own "
		    "name; give it that", dest->path);
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
		any |= streams->list[i].format->flush != NULL;
	return any;
}

static void begin_to_flush(struct streams *streams, struct polls *polls)
{
	uint64_t ms = streams->options->flush_ms ? streams->options->flush_ms : streams->min_age_ms;

	streams->flush = timer_open(ms, true);
	if (streams->flush >= 0)
		polls_add(polls, streams->flush, POLLIN, serve_flush, streams);
}

void streams_init(struct streams *streams, const struct options *options, struct polls *polls)
{
	*streams = (struct streams){
		.options = &options->streams, .flush = -1, .follow = options->follow,
		.attached = options->pid,
		.min_age_ms = options->query.min_age_ms ? options->query.min_age_ms : AGE_MS,
		.epoch_ns = (int64_t)(clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC)),
	};
	sinks_init(&streams->sinks, &options->streams, polls);
	for (unsigned i = 0; i < options->streams.dest_count; i++)
		add(streams, &options->streams.dests[i]);
	if (any_flushes(streams))
		begin_to_flush(streams, polls);
}

bool streams_tell_callers(const struct streams *streams)
{
	bool callers = false;

	for (unsigned i = 0; i < streams->count; i++)
		callers |= streams->list[i].format->callers;
	return callers;
}

bool streams_tell_usable(const struct streams *streams)
{
	bool usable = false;

	for (unsigned i = 0; i < streams->count; i++)
		usable |= streams->list[i].format->usable;
	return usable;
}

/* ---- what is told --------------------------------------------------------------------------- */

static void take(struct streams *streams, struct told *told)
{
	if (streams->off)
		sink_discard(told->sink);
	else
		told->dropped += !sinks_take(&streams->sinks, told->sink);
}

static void begin(struct streams *streams, struct streaming *one, const struct heap_event *event)
{
	streaming_begin(streams, one, event);
	for (unsigned i = 0; i < streams->count; i++) {
		struct told *told = &one->each[i];

		if (!told->sink)
			continue;
		streaming_format(told)->begin(told->sink->file, &told->process);
		take(streams, told);
	}
}

static void tell(struct streams *streams, struct streaming *one, const struct heap_event *event)
{
	for (unsigned i = 0; i < streams->count; i++) {
		struct told *told = &one->each[i];

		if (!told->sink)
			continue;
		told->process.now_ns = event->time_ns;
		streaming_format(told)->tell(told->sink->file, &told->process, event);
		take(streams, told);
	}
}

/* now_ns: what is old then. False: there is more than the sink has room for. */
static bool flush(struct streams *streams, struct told *told, uint64_t now_ns, bool all)
{
	const struct stream_format *format = streaming_format(told);

	while (told->sink && format->flush && !streams->off) {
		if (!all && sink_is_full(told->sink))
			return false;
		if (!format->flush(told->sink->file, &told->process, now_ns))
			return true;
		take(streams, told);
	}
	return true;
}

/* What is old when the process ends, whatever the reader does. */
static void flush_all(struct streams *streams, struct told *told)
{
	if (!told->sink)
		return;
	told->sink->keeps = true;
	flush(streams, told, told->process.now_ns, true);
	told->sink->keeps = false;
}

void streams_flush_of(struct streams *streams, int pid, uint64_t now_ns)
{
	struct streaming *one;

	for (size_t at = 0; (one = streaming_next(streams, &at));)
		for (unsigned i = 0; one->pid == pid && i < streams->count; i++) {
			one->each[i].process.now_ns = now_ns;
			flush_all(streams, &one->each[i]);
		}
}

/* ---- a process ends ------------------------------------------------------------------------- */

/* Whose were cut off is known only where nobody else's can be. */
static void note_dropped(struct streaming *one, const struct told *told)
{
	const struct sink *sink = told->sink;
	bool alone = !told->process.tagged;
	unsigned long long own = told->dropped + (alone ? sink->cut : 0);

	if (own)
		heap_note(one->heap, "%llu events are missing in the %s stream to %s", own,
		          streaming_format(told)->name, sink->path);
	if (!alone && sink->cut)
		heap_note(one->heap, "%llu events of all processes were on their way to %s when it was "
		          "lost, and are missing there", (unsigned long long)sink->cut, sink->path);
}

static void end_told(struct streams *streams, struct streaming *one, struct told *told,
                     const struct heap_event *exit)
{
	flush_all(streams, told);
	told->sink->keeps = true;
	streaming_format(told)->end(told->sink->file, &told->process, exit);
	take(streams, told);
	told->sink->keeps = false;
	sink_write(told->sink);
	note_dropped(one, told);
}

static void end(struct streams *streams, struct streaming *one, const struct heap_event *exit,
                uint64_t now_ns)
{
	for (unsigned i = 0; i < streams->count; i++) {
		struct told *told = &one->each[i];

		told->process.now_ns = now_ns;
		if (told->sink)
			end_told(streams, one, told, exit);
	}
	streaming_forget(streams, one);
}

void streams_end(struct streams *streams, struct heap *heap)
{
	struct streaming *one = streaming_of(streams, heap);

	if (one)
		end(streams, one, NULL, clock_ns(CLOCK_MONOTONIC));
}

void streams_tell(void *ctx, struct heap *heap, const struct heap_event *event)
{
	struct streams *streams = ctx;
	struct streaming *one = streaming_of(streams, heap);
	bool begins = event->kind == HEAP_EVENT_IMAGE || event->kind == HEAP_EVENT_FORK;

	if (!one && begins)
		one = streaming_meet(streams, heap);
	if (!one)
		return;
	if (begins)
		begin(streams, one, event);
	else if (event->kind == HEAP_EVENT_EXIT)
		end(streams, one, event, event->time_ns);
	else
		tell(streams, one, event);
}

/* ---- the loop ------------------------------------------------------------------------------- */

bool streams_brake(struct streams *streams)
{
	return sinks_brake(&streams->sinks);
}

static void flush_due(struct streams *streams)
{
	struct streaming *one;
	bool all = true;

	for (size_t at = 0; streams->flush_ns && (one = streaming_next(streams, &at));)
		for (unsigned i = 0; i < streams->count; i++)
			all &= flush(streams, &one->each[i], streams->flush_ns, false);
	if (all)
		streams->flush_ns = 0;
}

void streams_work(struct streams *streams)
{
	if (!streams->count)
		return;
	if (!streams_brake(streams))
		flush_due(streams);
	sinks_write(&streams->sinks);
}

void streams_release(struct streams *streams, bool for_good)
{
	sinks_release(&streams->sinks, for_good);
}

bool streams_reopen(struct streams *streams)
{
	sinks_reopen(&streams->sinks);
	return streams->count;
}

bool streams_linger(struct streams *streams)
{
	return streams->count && sinks_linger(&streams->sinks);
}

bool streams_finish(struct streams *streams)
{
	table_deinit(&streams->by_heap);
	return !streams->count || sinks_finish(&streams->sinks);
}

/* ---- while it runs -------------------------------------------------------------------------- */

void streams_log(struct streams *streams, bool on)
{
	streams->off = !on;
}

int streams_redirect(struct streams *streams, const struct dest *dest)
{
	int error = dest_check(dest);
	bool apart = dest_has(dest->path, 'p');
	struct sink *sink = NULL;
	struct streaming *one;

	errno = -error;
	if (!error && !apart)
		sink = sinks_add(&streams->sinks, dest, getpid());
	if (error || (!apart && !sink))
		return -errno;
	for (unsigned i = 0; i < streams->count; i++) {
		struct stream *stream = &streams->list[i];

		if (stream->sink)
			stream->sink->over = true;
		*stream = (struct stream){ stream->format, dest, sink, apart };
	}
	for (size_t at = 0; (one = streaming_next(streams, &at));) {
		for (unsigned i = 0; i < streams->count; i++)
			if (one->each[i].sink)
				note_dropped(one, &one->each[i]);
		streaming_redirect(streams, one);
	}
	return 0;
}
