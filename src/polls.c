#include "polls.h"

#define NAP_MS 50

bool polls_add(struct polls *polls, int fd, short events, void (*serve)(void *ctx, short revents),
               void *ctx)
{
	if (polls->count == POLLS_MAX) {
		polls->refused = true;
		return false;
	}
	polls->fds[polls->count] = (struct pollfd){ fd, events, 0 };
	polls->by[polls->count++] = (struct polled){ serve, ctx };
	return true;
}

static unsigned find(const struct polls *polls, int fd)
{
	unsigned i = 0;

	while (i < polls->count && polls->fds[i].fd != fd)
		i++;
	return i;
}

void polls_change(struct polls *polls, int fd, short events)
{
	unsigned i = find(polls, fd);

	if (i < polls->count)
		polls->fds[i].events = events;
}

/* The last one takes its place: walks go downwards, and have had that one. */
void polls_drop(struct polls *polls, int fd)
{
	unsigned i = find(polls, fd);

	if (i == polls->count)
		return;
	polls->count--;
	polls->fds[i] = polls->fds[polls->count];
	polls->by[i] = polls->by[polls->count];
}

void polls_wait(struct polls *polls, int ms)
{
	if (polls->refused && (ms < 0 || ms > NAP_MS))
		ms = NAP_MS;
	if (poll(polls->fds, polls->count, ms) <= 0)
		return;
	for (unsigned i = polls->count; i-- > 0;) {
		short revents = i < polls->count ? polls->fds[i].revents : 0;

		if (i < polls->count)
			polls->fds[i].revents = 0;
		if (revents && polls->by[i].serve)
			polls->by[i].serve(polls->by[i].ctx, revents);
	}
}
