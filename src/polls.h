/* What a session waits for. Parts of it register their descriptors; the loop owns the waiting. */
#ifndef POLLS_H
#define POLLS_H

#include <poll.h>

#include "types.h"

#define POLLS_MAX 128

struct polls {
	struct polled {
		void (*serve)(void *ctx, short revents);
		void *ctx;
	} by[POLLS_MAX];
	struct pollfd fds[POLLS_MAX];
	unsigned count;
	bool refused; /* one for whom there was no room: nothing is slept through */
};

/* serve is called when the descriptor is ready for events, as poll(2) has them; NULL: it only
 * ends the waiting. False: there are too many. */
bool polls_add(struct polls *, int fd, short events, void (*serve)(void *ctx, short revents),
               void *ctx);
void polls_change(struct polls *, int fd, short events);
void polls_drop(struct polls *, int fd); /* before it is closed; also while one is served */
/* Until one is ready, or ms have passed (-1: no matter how many); serves all that are. */
void polls_wait(struct polls *, int ms);

#endif
