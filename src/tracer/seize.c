#include "seize.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <unistd.h>

#include "emit.h"
#include "front.h"
#include "space.h"
#include "task.h"
#include "thread.h"

#define OPTIONS                                                                      \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |          \
	 PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC)

static int seize(pid_t tid, pid_t pid, struct space *space, bool runs)
{
	struct thread *thread;

	if (ptrace(PTRACE_SEIZE, tid, 0, OPTIONS) < 0)
		return -errno;
	thread = thread_add(tid, pid, ROLE_TARGET);
	if (!thread)
		return -ENOMEM;
	thread_enter(thread, space);
	thread->begun = true;
	thread->in_earlier_call = thread->map.in_earlier_call = runs;
	emit_thread_begin(thread);
	return 0;
}

void seize_launched(pid_t pid)
{
	struct space *space = space_new();
	int error = space ? seize(pid, pid, space, false) : -ENOMEM;

	front_has_launched(pid);
	emit_status(REC_SEIZED, NULL, -error);
	space_leave(space);
}

/* A thread born of one we have is ours already, and its first stop will come; one that
 * ends meanwhile, or is but a zombie, is none. */
static bool is_failure(pid_t tid, int error)
{
	if (error == 0 || error == -ESRCH)
		return false;
	return error != -EPERM || (task_of(tid).tracer != getpid() && !task_of(tid).ended);
}

/* How many threads were new, or -errno. */
static int seize_those_there(pid_t pid, struct space *space, DIR *tasks)
{
	struct dirent *entry;
	int fresh = 0;

	rewinddir(tasks);
	while ((entry = readdir(tasks))) {
		pid_t tid = atoi(entry->d_name);
		int error = tid && !thread_find(tid) ? seize(tid, pid, space, true) : -ESRCH;

		fresh += error == 0;
		if (is_failure(tid, error))
			return error;
	}
	return fresh;
}

static int seize_all(pid_t pid, struct space *space)
{
	char path[32];
	int fresh, error = -ESRCH;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	tasks = opendir(path);
	if (!tasks)
		return -errno;
	while ((fresh = seize_those_there(pid, space, tasks)) > 0)
		error = 0;
	closedir(tasks);
	return fresh < 0 ? fresh : error;
}

void seize_running(pid_t pid)
{
	struct space *space = space_new();
	int error = space ? seize_all(pid, space) : -ENOMEM;

	if (space)
		space->is_earlier = true;
	if (error == 0)
		error = space_open(space, pid);
	emit_status(REC_SEIZED, NULL, -error);
	if (error == 0)
		emit_space(REC_ATTACHED, space);
	space_leave(space);
}
