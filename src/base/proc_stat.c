#include "proc_stat.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The second, the name in brackets, may hold anything. */
const char *proc_stat_at(const char *text, enum proc_stat_field wanted)
{
	const char *at = strrchr(text, ')');

	for (int field = 2; at && field < (int)wanted; field++) {
		at = strchr(at, ' ');
		at += at != NULL;
	}
	return at && *at ? at : NULL;
}

unsigned long long proc_stat_number(const char *text, enum proc_stat_field field)
{
	const char *at = proc_stat_at(text, field);

	return at ? strtoull(at, NULL, 10) : 0;
}

void proc_stat_read(pid_t tid, char text[PROC_STAT_MAX])
{
	ssize_t len;
	int fd;

	snprintf(text, PROC_STAT_MAX, "/proc/%d/stat", tid);
	fd = open(text, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? 0 : read(fd, text, PROC_STAT_MAX - 1);
	if (fd >= 0)
		close(fd);
	text[len > 0 ? len : 0] = '\0';
}
