#include "signals.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "job_control.h"

/* What reaches the front. Sent by a process, these are passed on; from the
 * terminal, the target has got them itself. */
static const int passed_on[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR2 };
/* Left to the target's decision, see job_control.h. */
static const int job_control[] = { SIGTSTP, SIGTTIN, SIGTTOU };

static bool is_in(int sig, const int *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (list[i] == sig)
			return true;
	return false;
}

int signals_open(struct launch_signals *was)
{
	const struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGCONT);
	for (size_t i = 0; i < countof(passed_on); i++)
		sigaddset(&set, passed_on[i]);
	for (size_t i = 0; i < countof(job_control); i++)
		sigaddset(&set, job_control[i]);
	sigaction(SIGCHLD, &dfl, &was->chld);
	sigprocmask(SIG_BLOCK, &set, &was->mask);
	for (size_t i = 0; i < countof(job_control); i++)
		sigdelset(&set, job_control[i]);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* A process that runs already gets its own signals: ours are about us. */
static unsigned of_attached(const struct signalfd_siginfo *info)
{
	int sig = info->ssi_signo;

	if (sig == SIGHUP && info->ssi_code <= 0)
		return SIGNALS_REOPEN;
	return sig == SIGCHLD || sig == SIGCONT || sig == SIGUSR2 ? 0 : SIGNALS_LEAVE;
}

static unsigned of_launched(const struct signalfd_siginfo *info, const struct target *target,
                            pid_t tracer, bool only_others)
{
	int sig = info->ssi_signo;

	if (sig == SIGCONT && (pid_t)info->ssi_pid != tracer) {
		if (!target->ended)
			job_control_continue(target->pid);
	} else if (is_in(sig, passed_on, countof(passed_on))) {
		if (only_others)
			return SIGNALS_LEAVE;
		if (info->ssi_code <= 0 && !target->ended)
			kill(target->pid, sig);
		return SIGNALS_URGED | (sig == SIGHUP ? SIGNALS_REOPEN : 0);
	}
	return 0;
}

unsigned signals_take(int fd, const struct target *target, pid_t tracer, bool only_others)
{
	struct signalfd_siginfo info;
	unsigned asked = 0;

	while (read(fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGUSR1)
			asked |= SIGNALS_REPORT;
		else if (target->attached)
			asked |= of_attached(&info);
		else
			asked |= of_launched(&info, target, tracer, only_others);
	}
	return asked;
}
