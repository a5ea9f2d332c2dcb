#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "privilege.h"
#include "program_file.h"

/* ---- which file -------------------------------------------------------------------- */

static bool is_runnable(const char *path)
{
	struct stat stat_;

	return stat(path, &stat_) == 0 && S_ISREG(stat_.st_mode) && access(path, X_OK) == 0;
}

/* As execvp(3) would find it; path holds PATH_MAX. */
static bool find_in_path(const char *name, char *path)
{
	const char *dirs = getenv("PATH");

	for (dirs = dirs ? dirs : "/bin:/usr/bin";; dirs++) {
		size_t len = strcspn(dirs, ":");

		if (snprintf(path, PATH_MAX, "%.*s%s%s", (int)len, dirs, len ? "/" : "", name) <
		            PATH_MAX &&
		    is_runnable(path))
			return true;
		dirs += len;
		if (!*dirs)
			return false;
	}
}

static void refuse_privileged(const char *path)
{
	if (privilege_lost(path))
		die(EXIT_NOT_EXECUTABLE,
		    "%s: is setuid, setgid or has capabilities: tracing would take its "
		    "privileges away; trace it as root", path);
}

void launch_check(char *const argv[])
{
	char path[PATH_MAX];
	struct stat stat_;

	if (!strchr(argv[0], '/')) {
		if (!find_in_path(argv[0], path))
			die(EXIT_NOT_FOUND, "%s: not found in PATH", argv[0]);
		refuse_privileged(path);
		program_file_check(path);
		return;
	}
	if (stat(argv[0], &stat_) < 0)
		die(errno == ENOENT || errno == ENOTDIR ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE,
		    "%s:", argv[0]);
	if (S_ISDIR(stat_.st_mode))
		die(EXIT_NOT_EXECUTABLE, "%s: is a directory", argv[0]);
	if (access(argv[0], X_OK) < 0)
		die(EXIT_NOT_EXECUTABLE, "%s:", argv[0]);
	refuse_privileged(argv[0]);
	program_file_check(argv[0]);
}

/* ---- the child ---------------------------------------------------------------------- */

static _Noreturn void child(char *const argv[], pid_t tracer, const struct launch_signals *signals,
                            int go, int error_to)
{
	int error;
	char byte;

	/* with Yama's ptrace_scope 1 only a declared process may trace us; Linux 3.4 */
	prctl(PR_SET_PTRACER, tracer);
	sigaction(SIGCHLD, &signals->chld, NULL);
	sigprocmask(SIG_SETMASK, &signals->mask, NULL);
	if (read(go, &byte, 1) != 1)
		_exit(EXIT_OURS);
	execvp(argv[0], argv);
	error = errno;
	if (write(error_to, &error, sizeof(error)) < 0)
		_exit(EXIT_OURS);
	_exit(error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE);
}

int launch(struct launch *out, char *const argv[], pid_t tracer,
           const struct launch_signals *signals)
{
	int go[2], error[2];

	if (pipe2(go, O_CLOEXEC) < 0 || pipe2(error, O_CLOEXEC) < 0)
		return -errno;
	out->pid = fork();
	if (out->pid == 0) {
		close(go[1]);
		child(argv, tracer, signals, go[0], error[1]);
	}
	close(go[0]);
	close(error[1]);
	out->go = go[1];
	out->error = error[0];
	return out->pid < 0 ? -errno : 0;
}

void launch_go(struct launch *launch)
{
	if (write(launch->go, "", 1) < 0)
		return; /* it was killed: its end will be reported */
	close(launch->go);
}

int launch_result(struct launch *launch)
{
	int error = 0;

	if (read(launch->error, &error, sizeof(error)) != sizeof(error))
		error = 0;
	close(launch->error);
	return error;
}
