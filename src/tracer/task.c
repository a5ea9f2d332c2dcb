#include "task.h"

#include <inttypes.h>
#include <stdio.h>

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
