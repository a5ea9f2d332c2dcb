#include "task.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proc_stat.h"

struct task task_of(pid_t tid)
{
	struct task out = { .ended = true };
	char state;
	char path[32], line[256];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		sscanf(line, "SigPnd: %" SCNx64, &out.pending);
		sscanf(line, "SigIgn: %" SCNx64, &out.ignored);
		sscanf(line, "SigCgt: %" SCNx64, &out.caught);
		sscanf(line, "Seccomp: %d", &out.seccomp);
		sscanf(line, "TracerPid: %d", &out.tracer);
		if (sscanf(line, "State: %c", &state) == 1)
			out.ended = state == 'Z' || state == 'X';
		sscanf(line, "Tgid: %d", &out.process);
		sscanf(line, "PPid: %d", &out.parent);
	}
	if (file)
		fclose(file);
	return out;
}

char task_state(pid_t tid)
{
	char text[PROC_STAT_MAX];
	const char *state;

	proc_stat_read(tid, text);
	state = proc_stat_at(text, PROC_STAT_STATE);
	return state ? *state : 'X';
}

int task_call(pid_t tid)
{
	char path[32];
	int number = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/syscall", tid);
	file = fopen(path, "re"); /* "running", "-1 ...", or a number */
	if (file && fscanf(file, "%d", &number) != 1)
		number = -1;
	if (file)
		fclose(file);
	return number;
}
