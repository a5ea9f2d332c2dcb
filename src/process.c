#include "process.h"

#include <stdio.h>
#include <string.h>

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

/* The name, in parentheses, may hold anything. */
static void read_stat(pid_t tid, struct process *process)
{
	char text[1024];
	FILE *file = open_proc(tid, "stat");
	size_t len = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
	const char *behind;

	if (file)
		fclose(file);
	text[len] = '\0';
	behind = strrchr(text, ')');
	if (behind)
		sscanf(behind + 1, " %*c %*d %*d %*d %*d %*d %lu %*u %*u %*u %*u %*u %*u "
		       "%*d %*d %*d %*d %*d %*d %llu", &process->flags, &process->started);
}

struct process process_of(pid_t tid)
{
	struct process process = { 0 };

	read_status(tid, &process);
	if (process.pid && process.pid != tid) { /* a thread: the process is meant */
		tid = process.pid;
		process = (struct process){ 0 };
		read_status(tid, &process);
	}
	read_stat(tid, &process);
	return process;
}
