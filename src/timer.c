#include "timer.h"

#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

int timer_open(uint64_t ms, bool repeats)
{
	const struct timespec after = { ms / 1000, ms % 1000 * 1000000 };
	const struct itimerspec times = { .it_value = after,
		                          .it_interval = repeats ? after : (struct timespec){ 0 } };
	int fd = ms ? timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK) : -1;

	if (fd >= 0)
		timerfd_settime(fd, 0, &times, NULL);
	return fd;
}

bool timer_fired(int fd)
{
	uint64_t times;

	return fd >= 0 && read(fd, &times, sizeof(times)) == sizeof(times);
}
