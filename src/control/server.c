/* All of its descriptors are in one epoll(7), which is what the session polls. A timer that ends
 * what takes too long runs only while there are clients. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "clock.h"
#include "listen.h"
#include "peer.h"
#include "place.h"

#define ACCEPTS 8       /* at a time */
#define IDLE_MS 1000    /* may have to make way for another */
#define LOOK_S 1
#define TRIES 100

struct control {
	int epoll, listener, timer;
	pid_t session;
	uint64_t numbers; /* given so far */
	struct peer peers[CONTROL_CLIENTS];
	struct control_request request; /* taken last */
};

/* ---- clients ----------------------------------------------------------------------------- */

static uint32_t wanted(const struct peer *peer)
{
	switch (peer->state) {
	case PEER_READING:
		return EPOLLIN;
	case PEER_WRITING:
		return EPOLLOUT;
	default:
		return 0; /* that it has gone is told anyway */
	}
}

/* A copy of the session may have its descriptor too: closing it alone would leave it watched. */
static void end(struct control *control, struct peer *peer)
{
	if (peer->state != PEER_NONE)
		epoll_ctl(control->epoll, EPOLL_CTL_DEL, peer->fd, NULL);
	peer_end(peer);
}

/* well: it is still there. */
static void settle(struct control *control, struct peer *peer, bool well)
{
	struct epoll_event event = { wanted(peer), { .ptr = peer } };

	if (well)
		epoll_ctl(control->epoll, EPOLL_CTL_MOD, peer->fd, &event);
	else
		end(control, peer);
}

static void serve_peer(struct control *control, struct peer *peer, uint32_t events)
{
	bool well = true;

	if (peer->state == PEER_READING)
		well = peer_read(peer);
	else if (peer->state == PEER_WRITING)
		well = peer_write(peer);
	else
		well = !(events & (EPOLLHUP | EPOLLERR));
	settle(control, peer, well);
}

static void end_late(struct control *control)
{
	uint64_t now = clock_ms(), times;

	if (read(control->timer, &times, sizeof(times)) < 0)
		return;
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		if (peer_is_late(&control->peers[i], now))
			end(control, &control->peers[i]);
}

static void run_timer(const struct control *control)
{
	struct itimerspec times = { { 0 }, { 0 } };

	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		if (control->peers[i].state != PEER_NONE)
			times.it_value.tv_sec = times.it_interval.tv_sec = LOOK_S;
	timerfd_settime(control->timer, 0, &times, NULL);
}

/* ---- new ones ---------------------------------------------------------------------------- */

static bool is_ours_or_roots(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	       (peer.uid == 0 || peer.uid == geteuid());
}

/* A free place, or that of the one that has said nothing for longest. NULL: all are at work. */
static struct peer *place_for_one(struct control *control)
{
	struct peer *oldest = NULL;

	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		struct peer *peer = &control->peers[i];

		if (peer->state == PEER_NONE)
			return peer;
		if (peer->state == PEER_READING && clock_ms() - peer->since_ms >= IDLE_MS &&
		    (!oldest || peer->since_ms < oldest->since_ms))
			oldest = peer;
	}
	if (oldest)
		end(control, oldest);
	return oldest;
}

static void welcome(struct control *control, int fd)
{
	struct peer *peer = is_ours_or_roots(fd) ? place_for_one(control) : NULL;
	struct epoll_event event = { EPOLLIN, { .ptr = peer } };

	if (!peer || epoll_ctl(control->epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
		close(fd);
		return;
	}
	peer_begin(peer, fd, ++control->numbers);
}

static void accept_some(struct control *control)
{
	for (int i = 0; i < ACCEPTS; i++) {
		int fd = accept4(control->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0)
			return;
		welcome(control, fd);
	}
}

void control_serve(struct control *control)
{
	struct epoll_event events[CONTROL_CLIENTS];
	int count = epoll_wait(control->epoll, events, CONTROL_CLIENTS, 0);

	for (int i = 0; i < count; i++) {
		void *of = events[i].data.ptr;

		if (of == &control->listener)
			accept_some(control);
		else if (of == &control->timer)
			end_late(control);
		else if (((struct peer *)of)->state != PEER_NONE)
			serve_peer(control, of, events[i].events);
	}
	run_timer(control);
}

/* ---- requests ---------------------------------------------------------------------------- */

static void answer(struct control *control, struct peer *peer, enum control_status status,
                   const char *text, size_t len, int file)
{
	settle(control, peer, peer_answer(peer, status, text, len, file));
}

/* True: it is one; else it has been answered. */
static bool is_well_formed(struct control *control, struct peer *peer)
{
	struct control_request *request = &control->request;
	const char *wrong = control_parse(request, peer->in, peer->line_len);

	if (!wrong && !request->count)
		wrong = "an empty line; help lists what there is";
	request->client = peer->number;
	if (wrong)
		answer(control, peer, CONTROL_USAGE, wrong, strlen(wrong), -1);
	return !wrong;
}

static struct peer *first_that_asks(struct control *control)
{
	struct peer *first = NULL;

	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		struct peer *peer = &control->peers[i];

		if (peer->state == PEER_ASKS && (!first || peer->since_ms < first->since_ms))
			first = peer;
	}
	return first;
}

const struct control_request *control_take(struct control *control)
{
	struct peer *peer = first_that_asks(control);

	while (peer && !is_well_formed(control, peer))
		peer = first_that_asks(control);
	if (!peer)
		return NULL;
	peer->state = PEER_WAITS;
	return &control->request;
}

static struct peer *find(struct control *control, uint64_t number)
{
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		if (control->peers[i].state == PEER_WAITS && control->peers[i].number == number)
			return &control->peers[i];
	return NULL;
}

bool control_waits(const struct control *control, uint64_t client)
{
	return find((struct control *)control, client);
}

void control_answer(struct control *control, uint64_t client, enum control_status status,
                    const char *text, size_t len)
{
	struct peer *peer = find(control, client);

	if (peer)
		answer(control, peer, status, text, len, -1);
}

void control_answer_file(struct control *control, uint64_t client, int fd)
{
	struct peer *peer = find(control, client);

	if (peer && lseek(fd, 0, SEEK_SET) == 0)
		answer(control, peer, CONTROL_OK, NULL, 0, fd);
	else
		close(fd);
}

/* ---- begin and end ----------------------------------------------------------------------- */

int control_fd(const struct control *control)
{
	return control->epoll;
}

static bool watch(const struct control *control, int fd, const void *of)
{
	struct epoll_event event = { EPOLLIN, { .ptr = (void *)of } };

	return fd >= 0 && epoll_ctl(control->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* The folder goes with the last session, which may end just now. */
static int listen_in_place(const char *path)
{
	int fd = -1;

	errno = ENOENT;
	for (int i = 0; fd < 0 && errno == ENOENT && i < TRIES; i++)
		if (place_make())
			fd = listen_unix(path);
	return fd;
}

static bool begin(struct control *control)
{
	char path[CONTROL_PATH];

	control->session = getpid();
	place_path(path, geteuid(), control->session);
	control->epoll = epoll_create1(EPOLL_CLOEXEC);
	control->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	control->listener = control->epoll < 0 ? -1 : listen_in_place(path);
	if (control->listener >= 0)
		place_sweep();
	return watch(control, control->listener, &control->listener) &&
	       watch(control, control->timer, &control->timer);
}

struct control *control_open(void)
{
	struct control *control = calloc(1, sizeof(*control));
	int error;

	if (!control)
		return NULL;
	control->epoll = control->timer = control->listener = -1;
	errno = 0;
	if (begin(control))
		return control;
	error = errno;
	control_close(control);
	errno = error;
	return NULL;
}

/* A copy of the session leaves the socket to it. */
void control_close(struct control *control)
{
	if (!control)
		return;
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		peer_end(&control->peers[i]);
	if (control->listener >= 0 && control->session == getpid())
		place_remove(control->session);
	close(control->listener);
	close(control->timer);
	close(control->epoll);
	free(control);
}
