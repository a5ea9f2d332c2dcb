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

static size_t read_file(pid_t tid, const char *name, char *text, size_t room)
{
	char path[32];
	size_t len;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/%s", tid, name);
	file = fopen(path, "re");
	len = file ? fread(text, 1, room - 1, file) : 0;
	if (file)
		fclose(file);
	text[len] = '\0';
	return len;
}

char task_state(pid_t tid)
{
	char text[PROC_STAT_MAX];
	const char *state;

	read_file(tid, "stat", text, sizeof(text));
	state = proc_stat_at(text, PROC_STAT_STATE);
	return state ? *state : 'X';
}

int task_call(pid_t tid)
{
	char text[256];
	int number;

	read_file(tid, "syscall", text, sizeof(text)); /* "running", "-1 ...", or a number */
	return sscanf(text, "%d", &number) == 1 ? number : -1;
}
