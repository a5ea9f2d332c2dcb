#include "processor.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proc_stat.h"

int processor_of(pid_t tid)
{
	static pid_t open_tid;
	static int fd = -1;
	char text[PROC_STAT_MAX];
	const char *at;
	ssize_t len;

	if (tid != open_tid || fd < 0) {
		snprintf(text, sizeof(text), "/proc/%d/task/%d/stat", tid, tid);
		if (fd >= 0)
			close(fd);
		fd = open(text, O_RDONLY | O_CLOEXEC);
		open_tid = tid;
	}
	len = pread(fd, text, sizeof(text) - 1, 0);
	if (len <= 0)
		return -1;
	text[len] = '\0';
	at = proc_stat_at(text, PROC_STAT_PROCESSOR);
	return at ? atoi(at) : -1;
}
