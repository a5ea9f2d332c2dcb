#include "sink.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "sink_file.h"
#include "sink_open.h"
#include "socket.h"

#define ROOM (4u << 20)     /* bytes that wait for a slow reader */
#define AT_ONCE (64u << 10) /* are written in one call */

/* ---- what formats write --------------------------------------------------------------------- */

static bool grow(struct sink *sink, size_t len)
{
	size_t used = sink->end + sink->writing - sink->begin, wanted = used + len;
	char *grown;

	if (sink->begin && sink->end + sink->writing + len > sink->capacity) {
		memmove(sink->bytes, sink->bytes + sink->begin, used);
		sink->end -= sink->begin;
		sink->begin = 0;
	}
	if (sink->end + sink->writing + len <= sink->capacity)
		return true;
	wanted += wanted / 2;
	grown = realloc(sink->bytes, wanted);
	if (!grown)
		return false;
	sink->bytes = grown;
	sink->capacity = wanted;
	return true;
}

static ssize_t append(void *ctx, const char *bytes, size_t len)
{
	struct sink *sink = ctx;

	sink->short_of |= !grow(sink, len);
	if (sink->short_of)
		return (ssize_t)len; /* the record is dropped */
	memcpy(sink->bytes + sink->end + sink->writing, bytes, len);
	sink->writing += len;
	return (ssize_t)len;
}

static size_t queued(const struct sink *sink)
{
	return sink->end - sink->begin;
}

bool sink_is_empty(const struct sink *sink)
{
	return queued(sink) == 0;
}

bool sink_is_full(const struct sink *sink)
{
	return queued(sink) >= ROOM;
}

bool sink_brakes(struct sink *sink)
{
	sink->braking = queued(sink) >= (sink->braking ? ROOM / 2 : ROOM);
	return sink->braking && sink->options->on_block == SINK_WAITS && !sink->released &&
	       !sink->gone;
}

static bool has_room(const struct sink *sink)
{
	if (sink->gone || sink->short_of)
		return false;
	return queued(sink) + sink->writing <= ROOM || sink_is_empty(sink) || sink->keeps ||
	       (sink->options->on_block == SINK_WAITS && !sink->released);
}

void sink_discard(struct sink *sink)
{
	fflush(sink->file);
	sink->writing = 0;
	sink->short_of = false;
}

bool sink_take(struct sink *sink)
{
	bool taken;

	fflush(sink->file);
	if (!sink->writing && !sink->short_of)
		return true;
	if (!has_room(sink) && !sink->gone)
		sink_write(sink);
	taken = has_room(sink);
	if (taken) {
		sink->end += sink->writing;
	} else {
		sink->dropped++;
		sink->failed |= sink->fd < 0 || sink->short_of;
	}
	sink->writing = 0;
	sink->short_of = false;
	if (queued(sink) >= AT_ONCE && !(sink->polled & POLLOUT))
		sink_write(sink);
	return taken;
}

/* ---- what is sent --------------------------------------------------------------------------- */

static void serve(void *ctx, short revents);

static void await(struct sink *sink, bool room)
{
	short events = sink->listens | (room ? POLLOUT : 0);

	if (events == sink->polled)
		return;
	if (!events)
		polls_drop(sink->polls, sink->fd);
	else if (sink->polled)
		polls_change(sink->polls, sink->fd, events);
	else if (!polls_add(sink->polls, sink->fd, events, serve, sink))
		return;
	sink->polled = events;
}

/* A pipe takes PIPE_BUF bytes whole or not at all, so lines of several writers stay whole; a file
 * gets a line whole, however long, for it may be in the next one. */
static size_t next_chunk(const struct sink *sink, const char *bytes)
{
	size_t most = sink->is_file || sink->is_socket ? AT_ONCE : PIPE_BUF;
	size_t len = queued(sink) - sink->sent;
	const char *end;

	if (len <= most)
		return len;
	end = memrchr(bytes, '\n', most);
	if (!end && sink->is_file)
		end = memchr(bytes, '\n', len);
	return end ? (size_t)(end + 1 - bytes) : most;
}

static bool is_ready(const struct sink *sink)
{
	struct pollfd poll_ = { sink->fd, POLLOUT, 0 };

	return !sink->asks || poll(&poll_, 1, 0) != 0;
}

static ssize_t put(const struct sink *sink, const char *bytes, size_t len)
{
	if (sink->is_socket)
		return send(sink->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (is_ready(sink))
		return write(sink->fd, bytes, len);
	errno = EAGAIN;
	return -1;
}

static void advance(struct sink *sink, size_t len)
{
	const char *first = sink->bytes + sink->begin, *end;

	sink->sent += len;
	end = memrchr(first, '\n', sink->sent);
	if (!end)
		return;
	sink->sent -= end + 1 - first;
	sink->begin += end + 1 - first;
	sink->released = sink->hurried;
	sink->told = false;
	sink->progress_ms = clock_ms();
}

/* False: not now. */
static bool write_some(struct sink *sink)
{
	const char *bytes = sink->bytes + sink->begin + sink->sent;
	size_t len = next_chunk(sink, bytes);
	ssize_t n;

	if (sink->is_file)
		len = sink_file_room(sink, bytes, len);
	if (sink->fd < 0)
		return false;
	n = put(sink, bytes, len);
	if (n >= 0) {
		advance(sink, (size_t)n);
		return true;
	}
	if (errno == EAGAIN)
		await(sink, true);
	else if (errno != EINTR)
		sink_lose(sink, errno);
	return errno == EINTR;
}

void sink_write(struct sink *sink)
{
	if (sink->fd < 0 || sink->connecting)
		return;
	while (!sink_is_empty(sink) && write_some(sink))
		;
	if (sink_is_empty(sink) && sink->fd >= 0)
		await(sink, false);
	if (sink->gone)
		sink_drop_rest(sink);
}

static void connected(struct sink *sink)
{
	int error = socket_error(sink->fd);

	sink->connecting = false;
	await(sink, false);
	if (error)
		sink_lose(sink, error);
}

/* One who is not listened to may cease to read. */
static void listen_to(struct sink *sink)
{
	int more = socket_forget_input(sink->fd);

	if (more < 0)
		sink_lose(sink, -more);
	else if (!more)
		sink->listens = 0;
}

static void serve(void *ctx, short revents)
{
	struct sink *sink = ctx;

	if (sink->connecting)
		connected(sink);
	else if (sink->listens && revents & ~POLLOUT)
		listen_to(sink);
	sink_write(sink);
}

/* ---- its life ------------------------------------------------------------------------------- */

static int try(struct sink *sink)
{
	int error = sink_open(sink);

	if (!error)
		await(sink, sink->connecting);
	return error;
}

/* Of a fifo's reader there is nothing to say until something is lost. */
static bool may_come(const struct sink *sink, int error)
{
	return error == -ENXIO || error == -ECONNREFUSED || error == -EAGAIN ||
	       (sink->kind == DEST_UNIX && error == -ENOENT);
}

void sink_retry(struct sink *sink)
{
	int error;

	if (sink->fd >= 0 || sink->gone)
		return;
	error = try(sink);
	if (error && !(sink->kind == DEST_PIPE && may_come(sink, error)))
		sink_lose(sink, -error);
	if (!error)
		sink_write(sink);
}

static struct sink *prepare(const struct dest *dest, int pid, const struct stream_options *options,
                            struct polls *polls)
{
	static const cookie_io_functions_t functions = { .write = append };
	struct sink *sink = calloc(1, sizeof(*sink));

	if (!sink)
		return NULL;
	*sink = (struct sink){ .options = options, .polls = polls, .kind = dest->kind, .fd = -1,
		               .given = dest->fd, .progress_ms = clock_ms() };
	sink->path = dest_stream_path(dest->path, pid);
	sink->file = fopencookie(sink, "w", functions);
	if (sink->path && sink->file)
		return sink;
	sink_free(sink);
	errno = ENOMEM;
	return NULL;
}

struct sink *sink_new(const struct dest *dest, int pid, const struct stream_options *options,
                      struct polls *polls)
{
	struct sink *sink = prepare(dest, pid, options, polls);
	int error = sink ? try(sink) : 0;

	if (!error || may_come(sink, error))
		return sink;
	sink_free(sink);
	errno = -error;
	return NULL;
}

void sink_free(struct sink *sink)
{
	if (!sink)
		return;
	if (sink->file)
		fclose(sink->file);
	sink_close(sink);
	if (sink->addresses)
		freeaddrinfo(sink->addresses);
	free(sink->path);
	free(sink->bytes);
	free(sink);
}

void sink_release(struct sink *sink, bool for_good)
{
	sink->released = true;
	sink->hurried |= for_good;
}

/* Each line is told as a record, which it mostly is. */
void sink_drop_rest(struct sink *sink)
{
	for (const char *at = sink->bytes + sink->begin, *end = sink->bytes + sink->end; at < end; at++)
		sink->cut += *at == '\n';
	sink->failed |= !sink_is_empty(sink) && sink->fd < 0;
	sink->begin = sink->end = 0;
	sink->sent = 0;
}
