#include "target.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "attach.h"
#include "job_control.h"
#include "log.h"

void target_find(struct target *target, const struct options *options)
{
	*target = (struct target){ .attached = !options->argv, .argv = options->argv };
	if (target->attached)
		target->pid = attach_check(options->pid, options->init);
	else
		launch_check(target->argv);
}

int target_start(struct target *target, pid_t tracer, const struct launch_signals *signals)
{
	int error;

	if (target->attached)
		return 0;
	error = launch(&target->launch, target->argv, tracer, signals);
	target->pid = target->launch.pid;
	return error;
}

void target_seized(struct target *target)
{
	if (!target->attached)
		launch_go(&target->launch);
}

void target_refused(struct target *target, int error)
{
	if (target->attached) {
		attach_explain(target->pid, error);
		return;
	}
	errno = error;
	if (error == EPERM)
		warn("cannot trace: not permitted; see /proc/sys/kernel/yama/ptrace_scope, "
		     "the container's seccomp profile, or another tracer of this shell");
	else
		warn("cannot trace:");
	kill(target->pid, SIGKILL);
}

void target_reap(struct target *target)
{
	siginfo_t info = { 0 };

	if (target->ended || target->attached ||
	    waitid(P_PID, target->pid, &info, WNOHANG | WEXITED | WSTOPPED | WNOWAIT) < 0)
		return;
	if (info.si_pid && info.si_code == CLD_STOPPED) {
		job_control_stop(target->pid, info.si_status);
	} else if (info.si_pid) {
		waitpid(target->pid, &target->status, 0);
		target->ended = true;
	}
}

void target_check_ran(struct target *target, bool failed)
{
	int error = target->attached ? 0 : launch_result(&target->launch);

	errno = error;
	if (error && !failed)
		die(error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE, "%s:", target->argv[0]);
}

int target_exit_status(const struct target *target)
{
	if (target->attached)
		return EXIT_SUCCESS;
	return WIFEXITED(target->status) ? WEXITSTATUS(target->status) :
	                                   EXIT_SIGNALLED + WTERMSIG(target->status);
}
