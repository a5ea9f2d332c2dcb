/* As far as the process has not met a trap since: that has ended it. */
#include "rescue.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal.h"
#include "journal_file.h"
#include "log.h"
#include "plan.h"
#include "process.h"

struct work {
	int mem;
	unsigned restored, failed;
};

static void restore(void *ctx, taddr_t addr, uint8_t original)
{
	struct work *work = ctx;
	uint8_t byte;

	if (pread(work->mem, &byte, 1, (off_t)addr) != 1 || byte != ARCH_TRAP)
		return; /* lifted before, or unmapped */
	if (pwrite(work->mem, &original, 1, (off_t)addr) == 1)
		work->restored++;
	else
		work->failed++;
}

static int pid_of(int argc, char **argv)
{
	char *end = NULL;
	long pid = argc == 2 ? strtol(argv[1], &end, 10) : 0;

	if (pid <= 0 || pid > INT_MAX || *end)
		die(EXIT_USAGE, "rescue wants one process's number; usage: alloctrace rescue PID");
	return pid;
}

static int open_memory(const struct process *process)
{
	char path[32];
	int mem;

	snprintf(path, sizeof(path), "/proc/%d/mem", process->pid);
	mem = open(path, O_RDWR | O_CLOEXEC);
	if (mem < 0)
		die(EXIT_OURS, "%d (%s): its memory cannot be written:", process->pid,
		    process->name);
	return mem;
}

/* Whose journal it was has ended. */
static void forget(int pid)
{
	if (journal_file_folder(false))
		journal_file_remove(pid);
}

int rescue_main(int argc, char **argv, struct title title)
{
	int pid = pid_of(argc, argv), error;
	struct process process = process_of(pid);
	struct work work = { 0 };

	(void)title;
	if (!process.pid) {
		forget(pid);
		die(EXIT_OURS, "%d: no such process: there is nothing to rescue any more", pid);
	}
	pid = process.pid; /* a thread's number will do */
	if (process.tracer)
		die(EXIT_OURS, "%d (%s): is traced by %d: end that session, it cleans up itself",
		    pid, process.name, process.tracer);
	work.mem = open_memory(&process);
	error = journal_read(pid, restore, &work);
	if (error == -ENOENT)
		die(EXIT_OURS, "%d (%s): no session of this user has left anything in it", pid,
		    process.name);
	if (error < 0) {
		forget(pid);
		die(EXIT_OURS, "%d (%s): is another process than the one a session was killed in",
		    pid, process.name);
	}
	if (work.failed)
		die(EXIT_OURS, "%d (%s): %u traps could not be taken out", pid, process.name,
		    work.failed);
	journal_file_remove(pid);
	printf("%d (%s): %u traps taken out, its text is as it was\n", pid, process.name,
	       work.restored);
	return EXIT_SUCCESS;
}
