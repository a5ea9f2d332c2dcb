#include "process.h"

#include <stdio.h>

#include "proc_stat.h"

static FILE *open_proc(pid_t pid, const char *what)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, what);
	return fopen(path, "re");
}

static void read_status(pid_t tid, struct process *process)
{
	char line[256];
	FILE *file = open_proc(tid, "status");

	while (file && fgets(line, sizeof(line), file)) {
		sscanf(line, "Name: %63[^\n]", process->name);
		sscanf(line, "State: %c", &process->state);
		sscanf(line, "Tgid: %d", &process->pid);
		sscanf(line, "TracerPid: %d", &process->tracer);
		sscanf(line, "Uid: %*u %u", &process->uid);
	}
	if (file)
		fclose(file);
}

struct process process_of(pid_t tid)
{
	struct process process = { 0 };
	char stat[PROC_STAT_MAX];

	read_status(tid, &process);
	if (process.pid && process.pid != tid) { /* a thread: the process is meant */
		tid = process.pid;
		process = (struct process){ 0 };
		read_status(tid, &process);
	}
	proc_stat_read(tid, stat);
	process.flags = proc_stat_number(stat, PROC_STAT_FLAGS);
	process.started = proc_stat_number(stat, PROC_STAT_STARTED);
	return process;
}
