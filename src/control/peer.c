#include "peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"

#define READING_MS 60000 /* for a line */
#define WRITING_MS 5000 /* for the next byte to be taken */
#define AT_ONCE (1 << 16)

static void become(struct peer *peer, enum peer_state state)
{
	peer->state = state;
	peer->since_ms = clock_ms();
}

/* ---- lines ------------------------------------------------------------------------------- */

static bool refuse(struct peer *peer, const char *why)
{
	peer->ends = true;
	peer->in_len = 0;
	return peer_answer(peer, CONTROL_USAGE, why, strlen(why), -1);
}

/* A last line may lack its end. */
static bool look_for_line(struct peer *peer)
{
	const char *end = memchr(peer->in, '\n', peer->in_len);

	if (!end && !(peer->half_closed && peer->in_len)) {
		if (peer->in_len == sizeof(peer->in))
			return refuse(peer, "the line is too long");
		return !peer->half_closed;
	}
	peer->line_len = end ? (size_t)(end - peer->in) : peer->in_len;
	become(peer, PEER_ASKS);
	return true;
}

static void drop_line(struct peer *peer)
{
	size_t len = peer->line_len < peer->in_len ? peer->line_len + 1 : peer->in_len;

	memmove(peer->in, peer->in + len, peer->in_len - len);
	peer->in_len -= len;
}

bool peer_read(struct peer *peer)
{
	ssize_t n = recv(peer->fd, peer->in + peer->in_len, sizeof(peer->in) - peer->in_len,
	                 MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	peer->half_closed = n == 0;
	peer->in_len += n;
	return look_for_line(peer);
}

/* ---- answers ----------------------------------------------------------------------------- */

static uint64_t length_of(int file)
{
	struct stat stat_;

	return file >= 0 && fstat(file, &stat_) == 0 ? (uint64_t)stat_.st_size : 0;
}

static void forget_answer(struct peer *peer)
{
	free(peer->out);
	if (peer->file >= 0)
		close(peer->file);
	peer->out = NULL;
	peer->out_len = peer->out_at = 0;
	peer->file = -1;
}

static bool put(struct peer *peer, const char *head, int head_len, const char *text, size_t len)
{
	peer->out = malloc(head_len + len);
	if (!peer->out)
		return false;
	memcpy(peer->out, head, head_len);
	if (len)
		memcpy(peer->out + head_len, text, len);
	peer->out_len = head_len + len;
	return true;
}

bool peer_answer(struct peer *peer, enum control_status status, const char *text, size_t len,
                 int file)
{
	static const char *const names[CONTROL_STATUSES] = { "ok", "usage", "error" };
	char head[32];
	int head_len;

	forget_answer(peer);
	peer->file = file;
	peer->file_left = length_of(file);
	if (peer->state != PEER_READING)
		drop_line(peer);
	head_len = snprintf(head, sizeof(head), "%s %llu\n", names[status],
	                    (unsigned long long)(len + peer->file_left));
	if (!put(peer, head, head_len, text, len))
		return false;
	become(peer, PEER_WRITING);
	return peer_write(peer);
}

/* 0: it takes nothing more now, or there is nothing more. */
static ssize_t send_some(struct peer *peer)
{
	size_t len = peer->out_len - peer->out_at;
	ssize_t n = 0;

	if (len)
		n = send(peer->fd, peer->out + peer->out_at, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	else if (peer->file_left)
		n = sendfile(peer->fd, peer->file, NULL,
		             peer->file_left < AT_ONCE ? peer->file_left : AT_ONCE);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	if (len)
		peer->out_at += n;
	else
		peer->file_left -= n;
	return n;
}

/* A bounded part of it at a time: others wait. */
bool peer_write(struct peer *peer)
{
	ssize_t n = 1;

	for (int i = 0; n > 0 && i < 16; i++) {
		n = send_some(peer);
		if (n > 0)
			peer->since_ms = clock_ms();
	}
	if (n < 0)
		return false;
	if (peer->out_at < peer->out_len || peer->file_left)
		return true;
	forget_answer(peer);
	if (peer->ends)
		return false;
	become(peer, PEER_READING);
	return look_for_line(peer);
}

/* ---- from its begin to its end ----------------------------------------------------------- */

/* It is told who we are, which a new socket has room for. */
void peer_begin(struct peer *peer, int fd, uint64_t number)
{
	char hello[64];
	int len = snprintf(hello, sizeof(hello), "alloctrace ctl %d %d\n", CONTROL_PROTOCOL,
	                   (int)getpid());

	*peer = (struct peer){ .fd = fd, .number = number, .file = -1 };
	become(peer, PEER_READING);
	if (send(fd, hello, len, MSG_DONTWAIT | MSG_NOSIGNAL) != len)
		peer->ends = true;
}

bool peer_is_late(const struct peer *peer, uint64_t now_ms)
{
	uint64_t ms = now_ms - peer->since_ms;

	return (peer->state == PEER_READING && ms >= READING_MS) ||
	       (peer->state == PEER_WRITING && ms >= WRITING_MS);
}

void peer_end(struct peer *peer)
{
	if (peer->state == PEER_NONE)
		return;
	forget_answer(peer);
	shutdown(peer->fd, SHUT_RDWR); /* a copy of us may have it open */
	close(peer->fd);
	peer->state = PEER_NONE;
}
