/* bytes [N]: says "ready PID"; at a line it reads N bytes and writes as many, one a call, and
 * prints the microseconds that one of each took. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

int main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 2000000;
	int from = open("/dev/zero", O_RDONLY), to = open("/dev/null", O_WRONLY);
	double begin;
	char c;

	printf("ready %d\n", getpid());
	fflush(stdout);
	if (getchar() != '\n')
		return 1;
	begin = now();
	for (int i = 0; i < count; i++)
		if (read(from, &c, 1) != 1 || write(to, &c, 1) != 1)
			return 1;
	printf("%.5f\n", (now() - begin) / count);
	return 0;
}
