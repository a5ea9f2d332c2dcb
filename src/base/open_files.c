#include "open_files.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

static bool taken[STDERR_FILENO + 1];

static struct rlimit limit_of_ours(void)
{
	struct rlimit limit = { 0 };

	getrlimit(RLIMIT_NOFILE, &limit);
	return limit;
}

void open_files_raise(void)
{
	struct rlimit limit = limit_of_ours();

	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

unsigned long open_files_limit(void)
{
	return limit_of_ours().rlim_cur;
}

void open_files_take_closed(void)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		taken[fd] = fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR | O_CLOEXEC) == fd;
}

bool open_files_was_taken(int fd)
{
	return fd <= STDERR_FILENO && taken[fd];
}
