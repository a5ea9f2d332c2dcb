#include "attach.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "privilege.h"
#include "process.h"
#include "program_file.h"

#define PF_KTHREAD 0x00200000 /* linux/sched.h, in field 9 of /proc/PID/stat */
#define YAMA "/proc/sys/kernel/yama/ptrace_scope"

static bool has_live_thread(pid_t pid)
{
	struct stat stat_;
	char path[64];

	/* the leader may have ended before the others, which count as links */
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	return stat(path, &stat_) == 0 && stat_.st_nlink > 3;
}

static void refuse_init(const struct process *process)
{
	die(EXIT_OURS, "%d (%s): is init: were it harmed, all it has started would go with it; "
	    "--init traces it all the same", process->pid, process->name);
}

static void refuse_traced(const struct process *process)
{
	struct process tracer = process_of(process->tracer);

	die(EXIT_OURS, "%d (%s): is traced already, by %d (%s): a process has one tracer",
	    process->pid, process->name, process->tracer, tracer.name);
}

static void check_program(const struct process *process)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/exe", process->pid);
	if (access(path, R_OK) == 0)
		program_file_check_class(path, process->name);
}

pid_t attach_check(pid_t tid, bool init_too)
{
	struct process process = process_of(tid);

	if (!process.pid)
		die(EXIT_OURS, "%d: no such process", tid);
	if (process.pid == getpid())
		die(EXIT_OURS, "%d: is alloctrace itself", tid);
	if (process.flags & PF_KTHREAD)
		die(EXIT_OURS, "%d (%s): is a kernel thread, which has no memory of its own",
		    tid, process.name);
	if (process.state == 'X' || (process.state == 'Z' && !has_live_thread(process.pid)))
		die(EXIT_OURS, "%d (%s): has ended already; its parent has not collected it yet",
		    tid, process.name);
	if (process.pid == 1 && !init_too)
		refuse_init(&process);
	if (process.tracer)
		refuse_traced(&process);
	check_program(&process);
	return process.pid;
}

/* ---- why not ------------------------------------------------------------------------- */

static int yama_scope(void)
{
	int scope = 0;
	FILE *file = fopen(YAMA, "re");

	if (file && fscanf(file, "%d", &scope) != 1)
		scope = 0;
	if (file)
		fclose(file);
	return scope;
}

static const char *user_name(uid_t uid, char *buf, size_t size)
{
	const struct passwd *user = getpwuid(uid);

	snprintf(buf, size, "user %u", uid);
	return user ? user->pw_name : buf;
}

void attach_explain(pid_t pid, int error)
{
	struct process process = process_of(pid);
	char number[32];
	int scope = yama_scope();

	errno = error;
	if (!process.pid || error == ESRCH)
		warn("%d: ended while it was to be attached to", pid);
	else if (process.tracer)
		warn("%d (%s): is traced by %d: a process has one tracer", pid, process.name,
		     process.tracer);
	else if (error != EPERM && error != EACCES)
		warn("%d (%s): cannot attach:", pid, process.name);
	else if (process.uid != geteuid() && !privilege_survives_us())
		warn("%d (%s): belongs to %s: attach as that user or as root", pid, process.name,
		     user_name(process.uid, number, sizeof(number)));
	else if (scope == 3 || (scope && !privilege_survives_us()))
		warn("%d (%s): not permitted: %s is %d%s", pid, process.name, YAMA, scope,
		     scope == 3 ? ", which forbids all tracing" : "; attach as root, or set it to 0");
	else if (!privilege_survives_us())
		warn("%d (%s): not permitted: it is setuid or protects its memory; attach as root",
		     pid, process.name);
	else
		warn("%d (%s): not permitted, even with CAP_SYS_PTRACE: a security module, the "
		     "container's seccomp profile or its user namespace forbids it", pid,
		     process.name);
}
