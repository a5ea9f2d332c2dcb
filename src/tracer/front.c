#include "front.h"

#include <signal.h>
#include <unistd.h>

static pid_t front, launched;

void front_is(pid_t pid)
{
	front = pid;
}

bool front_gone(void)
{
	return getppid() != front;
}

void front_signal(int sig)
{
	if (!front_gone())
		kill(front, sig);
}

void front_has_launched(pid_t pid)
{
	launched = pid;
}

bool front_stops_with(pid_t pid)
{
	return pid == launched;
}
