#include "front.h"

#include <signal.h>
#include <unistd.h>

static pid_t front;
static bool launched;

void front_is(pid_t pid)
{
	front = pid;
}

bool front_gone(void)
{
	return getppid() != front;
}

void front_has_launched(void)
{
	launched = true;
}

void front_signal(int sig)
{
	if (launched && !front_gone())
		kill(front, sig);
}
