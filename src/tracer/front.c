#include "front.h"

#include <signal.h>
#include <unistd.h>

static pid_t front;

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
