/* status N: exits with N. status signal N: dies by signal N. status stop:
 * storm itself, and once continued exits with 12. status storm N: storm itself by
 * signal N once, while a child of its continues it all the time. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int die_by(int number)
{
	sigset_t all;

	signal(number, SIG_DFL);
	sigfillset(&all);
	sigprocmask(SIG_UNBLOCK, &all, NULL);
	kill(getpid(), number);
	return 99;
}

static int stop(void)
{
	free(malloc(10));
	raise(SIGSTOP);
	free(malloc(20));
	return 12;
}

static int storm(int number)
{
	pid_t self = getpid(), child = fork();

	while (child == 0 && getppid() == self)
		kill(self, SIGCONT);
	if (child == 0)
		_exit(0);
	raise(number);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return 12;
}

int main(int argc, char **argv)
{
	if (argc > 2 && !strcmp(argv[1], "storm"))
		return storm(atoi(argv[2]));
	if (argc > 2)
		return die_by(atoi(argv[2]));
	if (argc > 1 && !strcmp(argv[1], "stop"))
		return stop();
	return argc > 1 ? atoi(argv[1]) : 0;
}
