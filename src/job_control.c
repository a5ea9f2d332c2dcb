#include "job_control.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/wait.h>
#include <time.h>

static bool take_stop(pid_t target)
{
	siginfo_t info = { 0 };

	return waitid(P_PID, target, &info, WNOHANG | WSTOPPED) == 0 && info.si_pid;
}

/* SIGSTOP comes from the tracer. Any other signal is made pending first, beside the
 * terminal's own: when the target is stopped still, the tracer's SIGCONT, once it goes
 * on, takes it away again. */
void job_control_stop(pid_t target, int sig)
{
	const struct timespec now = { 0 };
	sigset_t set, old;

	sigemptyset(&set);
	sigaddset(&set, sig);
	if (sig != SIGSTOP)
		raise(sig);
	if (!take_stop(target) && sig != SIGSTOP)
		sigtimedwait(&set, NULL, &now);
	sigprocmask(SIG_UNBLOCK, &set, &old);
	sigprocmask(SIG_SETMASK, &old, NULL);
}

void job_control_continue(pid_t target)
{
	siginfo_t info = { 0 };

	if (waitid(P_PID, target, &info, WNOHANG | WCONTINUED) < 0 || !info.si_pid)
		kill(target, SIGCONT);
}
