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
