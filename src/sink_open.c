#include "sink_open.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "socket.h"

/* ---- each kind ------------------------------------------------------------------------------ */

/* Another description of the same file, for ours to be non-blocking and the user's not. */
static int open_again(struct sink *sink)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", sink->given);
	fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	sink->asks = fd < 0;
	return fd < 0 ? fcntl(sink->given, F_DUPFD_CLOEXEC, 3) : fd;
}

static int open_fd(struct sink *sink)
{
	struct stat stat_;

	if (fstat(sink->given, &stat_) < 0)
		return -1;
	if (S_ISREG(stat_.st_mode) || S_ISSOCK(stat_.st_mode))
		return fcntl(sink->given, F_DUPFD_CLOEXEC, 3);
	return open_again(sink);
}

static int open_file(const struct sink *sink)
{
	return open(sink->path, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_NOCTTY,
	            0666);
}

static int open_tcp(struct sink *sink)
{
	struct addrinfo *first;
	int fd = -1;

	if (!sink->addresses)
		sink->addresses = socket_resolve(sink->path);
	if (!sink->addresses)
		return -1;
	first = sink->address ? sink->address : sink->addresses;
	do {
		if (!sink->address)
			sink->address = sink->addresses;
		fd = socket_connect(sink->address->ai_family, sink->address->ai_addr,
		                    sink->address->ai_addrlen, SOCK_NONBLOCK);
		sink->address = sink->address->ai_next;
	} while (fd < 0 && (sink->address ? sink->address : sink->addresses) != first);
	return fd;
}

static int open_any(struct sink *sink)
{
	switch (sink->kind) {
	case DEST_FD:
		return open_fd(sink);
	case DEST_FILE:
		return open_file(sink);
	case DEST_PIPE:
		return dest_open_fifo(sink->path, O_NONBLOCK);
	case DEST_TCP:
		return open_tcp(sink);
	default:
		return socket_unix(sink->path, SOCK_NONBLOCK);
	}
}

static bool is_connected(int fd)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);

	return getpeername(fd, (struct sockaddr *)&peer, &len) == 0;
}

int sink_open(struct sink *sink)
{
	struct stat stat_;

	sink->outgrown = 0;
	sink->fd = open_any(sink);
	if (sink->fd < 0)
		return -errno;
	if (fstat(sink->fd, &stat_) == 0) {
		sink->is_file = S_ISREG(stat_.st_mode);
		sink->is_socket = S_ISSOCK(stat_.st_mode);
		sink->is_pipe = S_ISFIFO(stat_.st_mode);
	}
	sink->ours = sink->is_socket && sink->kind != DEST_FD;
	sink->connecting = sink->ours && !is_connected(sink->fd);
	sink->listens = sink->ours ? POLLIN : 0;
	return 0;
}

/* ---- it fails ------------------------------------------------------------------------------- */

/* Bytes, without the end and what is kept for another connection. */
static unsigned on_their_way(const struct sink *sink)
{
	unsigned left = socket_on_their_way(sink->fd), others = sink->ended + sink->sent;

	return left > others ? left - others : 0;
}

void sink_close(struct sink *sink)
{
	if (sink->polled)
		polls_drop(sink->polls, sink->fd);
	if (sink->fd >= 0 && sink->ours)
		socket_forget_input(sink->fd);
	if (sink->fd >= 0)
		close(sink->fd);
	sink->polled = 0;
	sink->on_their_way = 0;
	sink->connecting = sink->ended = false;
	sink->fd = -1;
}

/* On a full disk a line may be there in part. */
static void take_back(struct sink *sink)
{
	off_t size = lseek(sink->fd, 0, SEEK_END);

	if (sink->is_file && sink->kind == DEST_FILE && sink->sent && size >= (off_t)sink->sent &&
	    ftruncate(sink->fd, size - (off_t)sink->sent) < 0)
		return; /* it stays torn there */
}

static void tell(const struct sink *sink, int error)
{
	const char *then = sink->gone ? "what would be told there is lost" :
	                                "it is tried again twice a second";
	char why[128];

	if (sink->kind == DEST_FD)
		warn("cannot stream to descriptor %d: %s; %s", sink->given,
		     strerror_r(error, why, sizeof(why)), then);
	else
		warn("cannot stream to %s: %s; %s", sink->path,
		     strerror_r(error, why, sizeof(why)), then);
}

void sink_lose(struct sink *sink, int error)
{
	if (sink->fd >= 0)
		take_back(sink);
	if (sink->fd >= 0 && sink->is_socket && !sink->connecting)
		sink->astray += on_their_way(sink);
	sink->failed |= sink->astray;
	sink_close(sink);
	sink->sent = 0;
	sink->gone |= sink->kind == DEST_FD;
	if (!sink->told)
		tell(sink, error);
	sink->told = true;
}

bool sink_end(struct sink *sink)
{
	unsigned left;
	int error;

	if (sink->fd < 0 || !sink->is_socket || sink->connecting)
		return true;
	if (sink->ours && !sink->ended)
		sink->ended = shutdown(sink->fd, SHUT_WR) == 0;
	left = on_their_way(sink);
	if (left != sink->on_their_way)
		sink->progress_ms = clock_ms();
	sink->on_their_way = left;
	error = left ? socket_error(sink->fd) : 0;
	if (error)
		sink_lose(sink, error);
	return !left || error;
}

/* ---- files ---------------------------------------------------------------------------------- */

static bool is_moved(const struct sink *sink)
{
	struct stat named, opened;

	return sink->kind == DEST_FILE && !sink->sent &&
	       (stat(sink->path, &named) < 0 || fstat(sink->fd, &opened) < 0 ||
	        named.st_ino != opened.st_ino || named.st_dev != opened.st_dev);
}

void sink_reopen(struct sink *sink)
{
	int error;

	if (sink->kind != DEST_FILE || sink->fd < 0 || sink->sent)
		return;
	sink_close(sink);
	error = sink_open(sink);
	if (error)
		sink_lose(sink, -error);
}

/* What leads elsewhere (/dev/stdout) is not ours to rename. */
static bool has_own_name(const struct sink *sink)
{
	struct stat named;

	return sink->kind == DEST_FILE && lstat(sink->path, &named) == 0 &&
	       S_ISREG(named.st_mode) && !is_moved(sink);
}

bool sink_can_rotate(const struct sink *sink)
{
	const struct stream_options *options = sink->options;

	return !sink->is_file || !options->max_size || !options->keep || has_own_name(sink);
}

/* FILE.1 becomes FILE.2, and so on; the last one is gone. False: to is in the way. */
static bool rotate(const struct sink *sink, char *to, size_t len)
{
	char from[len];

	snprintf(to, len, "%s.1", sink->path);
	errno = ELOOP;
	if (!has_own_name(sink))
		return false;
	for (unsigned i = sink->options->keep; i > 0; i--) {
		snprintf(from, len, i > 1 ? "%s.%u" : "%s", sink->path, i - 1);
		snprintf(to, len, "%s.%u", sink->path, i);
		if (rename(from, to) < 0 && (i == 1 || errno != ENOENT))
			return false;
	}
	return true;
}

/* It grows by as much again, and is tried again then: nothing is lost. */
static void outgrow(struct sink *sink, uint64_t size, const char *to)
{
	int error = errno;
	char why[128];

	if (!sink->outgrown)
		warn("%s is full and cannot be %s%s: %s; it grows on", sink->path,
		     to ? "renamed to " : "truncated", to ? to : "",
		     strerror_r(error, why, sizeof(why)));
	sink->outgrown = size;
}

static void make_room(struct sink *sink, uint64_t size)
{
	size_t len = strlen(sink->path) + 16;
	char to[len];

	if (!sink->options->keep) {
		if (ftruncate(sink->fd, 0) < 0)
			outgrow(sink, size, NULL);
		else if (sink->kind == DEST_FD)
			lseek(sink->fd, 0, SEEK_SET);
	} else if (rotate(sink, to, len)) {
		sink_reopen(sink);
	} else {
		outgrow(sink, size, to);
	}
}

/* A line that alone is longer than a file may be has one of its own. */
size_t sink_file_room(struct sink *sink, const char *bytes, size_t len)
{
	uint64_t max = sink->options->max_size;
	struct stat stat_;
	const char *end;
	size_t room;

	if (is_moved(sink))
		sink_reopen(sink);
	if (sink->fd < 0 || !max)
		return sink->fd < 0 ? 0 : len;
	for (int i = 0; !sink->sent && i < 2 && fstat(sink->fd, &stat_) == 0; i++) {
		uint64_t size = (uint64_t)stat_.st_size, limit = max + sink->outgrown;

		room = size < limit ? limit - size : 0;
		end = room < len ? memrchr(bytes, '\n', room) : bytes + len - 1;
		if (end)
			return end + 1 - bytes;
		if (size)
			make_room(sink, size);
		if (sink->fd < 0)
			return 0;
	}
	end = memchr(bytes, '\n', len);
	return end ? (size_t)(end + 1 - bytes) : len;
}
