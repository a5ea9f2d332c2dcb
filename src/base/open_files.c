#include "open_files.h"

#include <sys/resource.h>

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
