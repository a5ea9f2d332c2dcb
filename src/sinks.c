#include "sinks.h"

#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "socket.h"
#include "timer.h"

#define RETRY_MS 500

void sinks_init(struct sinks *sinks, const struct stream_options *options, struct polls *polls)
{
	*sinks = (struct sinks){ .options = options, .polls = polls, .retry = -1 };
}

struct sink *sinks_add(struct sinks *sinks, const struct dest *dest, int pid)
{
	struct sink **grown = realloc(sinks->list, (sinks->count + 1) * sizeof(*grown));
	struct sink *sink;

	if (!grown)
		return NULL;
	sinks->list = grown;
	sink = sink_new(dest, pid, sinks->options, sinks->polls);
	if (sink)
		grown[sinks->count++] = sink;
	return sink;
}

bool sinks_take(struct sinks *sinks, struct sink *sink)
{
	bool taken = sink_take(sink);

	sinks->brakes |= sink_brakes(sink);
	return taken;
}

bool sinks_brake(struct sinks *sinks)
{
	if (!sinks->brakes)
		return false;
	sinks->brakes = false;
	for (size_t i = 0; i < sinks->count; i++)
		sinks->brakes |= sink_brakes(sinks->list[i]);
	return sinks->brakes;
}

void sinks_release(struct sinks *sinks, bool for_good)
{
	for (size_t i = 0; i < sinks->count; i++)
		sink_release(sinks->list[i], for_good);
}

void sinks_reopen(struct sinks *sinks)
{
	for (size_t i = 0; i < sinks->count; i++) {
		sink_write(sinks->list[i]);
		sink_reopen(sinks->list[i]);
	}
}

/* ---- one goes ------------------------------------------------------------------------------- */

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
	uint64_t dropped = sink->dropped + sink->cut;
	char number[32];
	const char *name = sink->kind == DEST_FD ? number : sink->path;

	snprintf(number, sizeof(number), "descriptor %d", sink->given);
	if (sink->on_their_way)
		socket_tell_on_their_way(name, sink->on_their_way);
	if (sink->astray)
		warn("%s: %llu bytes that were sent had not arrived: %s", name,
		     (unsigned long long)sink->astray, why_lost(sink));
	if (dropped)
		warn("%s: %llu events were dropped: %s", name, (unsigned long long)dropped,
		     why_lost(sink));
}

static void drop(struct sinks *sinks, size_t i)
{
	struct sink *sink = sinks->list[i];

	sink_end(sink);
	tell_lost(sink);
	sinks->failed |= sink->failed;
	sink_free(sink);
	sinks->list[i] = sinks->list[--sinks->count];
}

/* ---- the loop ------------------------------------------------------------------------------- */

static void retry(struct sinks *sinks)
{
	if (!timer_fired(sinks->retry))
		return;
	for (size_t i = 0; i < sinks->count; i++)
		sink_retry(sinks->list[i]);
}

static void set_retry(struct sinks *sinks, bool wanted)
{
	if (wanted == (sinks->retry >= 0))
		return;
	if (wanted) {
		sinks->retry = timer_open(RETRY_MS, true);
		if (sinks->retry >= 0)
			polls_add(sinks->polls, sinks->retry, POLLIN, NULL, NULL);
		return;
	}
	polls_drop(sinks->polls, sinks->retry);
	close(sinks->retry);
	sinks->retry = -1;
}

void sinks_write(struct sinks *sinks)
{
	bool away = false;

	retry(sinks);
	for (size_t i = sinks->count; i-- > 0;) {
		struct sink *sink = sinks->list[i];

		if (!(sink->polled & POLLOUT))
			sink_write(sink);
		if (sink->over && sink_is_empty(sink) && sink_end(sink))
			drop(sinks, i);
		else
			away |= sink->fd < 0 && !sink->gone;
	}
	set_retry(sinks, away);
}

/* ---- the end -------------------------------------------------------------------------------- */

static bool is_awaited(const struct sinks *sinks, struct sink *sink)
{
	uint64_t since;

	if (sink->gone || (sink_is_empty(sink) && sink_end(sink)))
		return false;
	if (sinks->options->on_block == SINK_WAITS && !sink->hurried)
		return !sink->released;
	since = sink->progress_ms > sinks->ending_ms ? sink->progress_ms : sinks->ending_ms;
	return clock_ms() - since < LINGER_MS;
}

/* One that has no reader may be forgotten. */
static void tell_awaited(const struct sinks *sinks, struct sink *sink)
{
	if (sink->told || sink->fd >= 0 || clock_ms() - sinks->ending_ms < LINGER_MS)
		return;
	warn("%s: a reader is waited for, as --on-block wait says; Ctrl-C gives it up", sink->path);
	sink->told = true;
}

bool sinks_linger(struct sinks *sinks)
{
	bool any = false;

	if (!sinks->ending_ms)
		sinks->ending_ms = clock_ms();
	sinks_write(sinks);
	for (size_t i = 0; i < sinks->count; i++) {
		bool awaited = is_awaited(sinks, sinks->list[i]);

		if (awaited)
			tell_awaited(sinks, sinks->list[i]);
		any |= awaited;
	}
	return any;
}

bool sinks_finish(struct sinks *sinks)
{
	while (sinks->count) {
		sink_drop_rest(sinks->list[sinks->count - 1]);
		drop(sinks, sinks->count - 1);
	}
	free(sinks->list);
	set_retry(sinks, false);
	return !sinks->failed;
}
