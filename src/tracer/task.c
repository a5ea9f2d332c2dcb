#include "task.h"

#include <inttypes.h>
#include <stdio.h>

struct task task_of(pid_t tid)
{
	struct task out = { 0 };
	char path[32], line[256];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		sscanf(line, "SigPnd: %" SCNx64, &out.pending);
		sscanf(line, "SigIgn: %" SCNx64, &out.ignored);
		sscanf(line, "SigCgt: %" SCNx64, &out.caught);
		sscanf(line, "Seccomp: %d", &out.seccomp);
	}
	if (file)
		fclose(file);
	return out;
}
