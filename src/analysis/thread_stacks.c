#include "thread_stacks.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define GUARD_MAX UINT64_C(65536)

/* The last but one word of /proc/PID/task/TID/syscall, proc(5); 0: it runs, or is gone. */
static taddr_t stack_pointer(pid_t pid, const char *tid)
{
	char path[64], line[256];
	unsigned long long sp = 0;
	bool read = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%.20s/syscall", pid, tid);
	file = fopen(path, "re");
	if (file) {
		read = fgets(line, sizeof(line), file);
		fclose(file);
	}
	/* outside of a call: "-1 SP PC" */
	if (read && sscanf(line, "-1 %llx", &sp) != 1)
		sscanf(line, "%*d %*x %*x %*x %*x %*x %*x %llx", &sp);
	return sp;
}

/* pthread_attr_setguardsize(3): a page unless asked otherwise. */
static bool has_guard(const struct vmas *vmas, const struct vma *stack)
{
	const struct vma *below = stack->begin ? vmas_at(vmas, stack->begin - 1) : NULL;

	return below && !below->prot && below->end - below->begin <= GUARD_MAX;
}

void thread_stacks_find(pid_t pid, const struct vmas *vmas,
                        void (*found)(void *ctx, struct vma *), void *ctx)
{
	struct dirent *task;
	char path[32];
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	tasks = opendir(path);
	while (tasks && (task = readdir(tasks))) {
		taddr_t sp = atoi(task->d_name) ? stack_pointer(pid, task->d_name) : 0;
		struct vma *vma = sp ? vmas_next(vmas, sp) : NULL;

		if (vma && vma->begin <= sp && !(vma->flags & VMA_FILE) && has_guard(vmas, vma))
			found(ctx, vma);
	}
	if (tasks)
		closedir(tasks);
}
