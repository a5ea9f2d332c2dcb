#include "writers.h"

#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crash.h"
#include "log.h"

static bool has_ended(const struct writer *writer, int ms)
{
	struct pollfd ended = { writer->ended, POLLIN, 0 };
	siginfo_t info = { .si_pid = 0 };

	if (writer->ended >= 0)
		return poll(&ended, 1, ms) > 0;
	return waitid(P_PID, writer->pid, &info, WEXITED | WNOWAIT | (ms < 0 ? 0 : WNOHANG)) < 0 ||
	       info.si_pid;
}

static void become(const struct writers *writers, pid_t front)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != front)
		_exit(EXIT_OURS);
	prctl(PR_SET_NAME, "at-writer");
	crash_of_writer();
	for (unsigned i = 0; i < writers->count; i++)
		while (writers->list[i].ended >= 0 && !has_ended(&writers->list[i], -1))
			; /* a signal */
}

pid_t writers_fork(struct writers *writers, void *of)
{
	pid_t front = getpid(), pid = fork();

	if (pid == 0)
		become(writers, front);
	else if (pid > 0)
		writers->list[writers->count++] = (struct writer){ pid, pidfd_open(pid, 0), of, false };
	return pid;
}

bool writers_await(const struct writers *writers, int ms)
{
	return !writers->count || has_ended(&writers->list[0], ms);
}

bool writers_reap(struct writers *writers, struct writer *out, int *status)
{
	unsigned i = 0;

	while (i < writers->count && waitpid(writers->list[i].pid, status, WNOHANG) == 0)
		i++;
	if (i == writers->count)
		return false;
	*out = writers->list[i];
	if (out->ended >= 0)
		close(out->ended);
	writers->count--;
	for (; i < writers->count; i++)
		writers->list[i] = writers->list[i + 1];
	return true;
}
