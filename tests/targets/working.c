/* Takes and gives back blocks without end, twenty of them always live once it
 * has said "ready PID"; a line on stdin ends it. */
#include "truth.h"

#include <poll.h>

enum { LIVE = 20, SIZE = 500 };

ALLOCATOR(work_take, T_MALLOC, malloc(size))

static bool line_came(void)
{
	struct pollfd input = { .fd = 0, .events = POLLIN };

	return poll(&input, 1, 0) == 1;
}

int main(void)
{
	struct block blocks[LIVE];

	for (int i = 0; i < LIVE; i++)
		blocks[i] = work_take(SIZE);
	say("ready %ld\n", getpid());
	for (int i = 0; i % 1000 || !line_came(); i++) {
		give(blocks[i % LIVE]);
		blocks[i % LIVE] = work_take(SIZE);
	}
	truth_write();
	return 0;
}
