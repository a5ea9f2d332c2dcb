#include "processor.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Field 39 of /proc/PID/stat, processor; proc(5). Field 2 may hold anything. */
int processor_of(pid_t tid)
{
	static pid_t open_tid;
	static int fd = -1;
	char text[512], *at;
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
	at = strrchr(text, ')');
	for (int field = 2; at && field < 39; field++)
		at = strchr(at + 1, ' ');
	return at ? atoi(at + 1) : -1;
}
