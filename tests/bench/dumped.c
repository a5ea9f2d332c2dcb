/* dumped REPORT [BLOCKS [MS]]: under alloctrace, whose dump will be the file REPORT. Allocates
 * BLOCKS blocks that stay, frees and allocates others for MS ms, has a report written, and goes
 * on until it is there. Prints in ms how long that took, how much longer those rounds were in
 * all than as many before, and of single rounds the longest and what those above 1 ms took, each
 * beside the same figure of before. It is the one who asks: alloctrace is its parent. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { SLOTS = 1024, MAP_EVERY = 256 };

static void *slots[SLOTS];

static double now(void) /* ms */
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

struct span {
	double ms, longest, long_ones;
	long rounds;
};

static void work(long round)
{
	static unsigned seed = 1;
	void **slot;

	seed = seed * 1103515245 + 12345;
	slot = &slots[seed >> 16 & (SLOTS - 1)];
	free(*slot);
	*slot = malloc((seed >> 8) % 500 + 1);
	if (round % MAP_EVERY == 0)
		munmap(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 4096);
}

/* For ms, or until there is such a file. */
static struct span work_on(double ms, const char *path)
{
	struct span span = { 0 };
	double begin = now(), last = begin, looked = begin;

	while (last - begin < ms) {
		double at, took;

		work(span.rounds++);
		at = now();
		took = at - last;
		last = at;
		span.longest = took > span.longest ? took : span.longest;
		span.long_ones += took > 1 ? took : 0;
		if (path && at - looked > 1 && access(path, F_OK) == 0)
			break;
		if (at - looked > 1)
			looked = at;
	}
	span.ms = last - begin;
	return span;
}

int main(int argc, char **argv)
{
	long blocks = argc > 2 ? atol(argv[2]) : 1000000;
	double ms = argc > 3 ? atof(argv[3]) : 2000;
	struct span before, during;

	if (argc < 2)
		return 2;
	for (long i = 0; i < blocks; i++)
		if (!malloc(16 + i % 64))
			return 1;
	before = work_on(ms, NULL);
	kill(getppid(), SIGUSR1);
	during = work_on(600e3, argv[1]);
	printf("report %.0f lost %.0f longest %.1f (%.1f) above 1 ms %.0f (%.0f) rounds %ld (%ld)\n",
	       during.ms, during.ms - during.rounds * before.ms / before.rounds, during.longest,
	       before.longest, during.long_ones, before.long_ones * during.ms / before.ms,
	       during.rounds, before.rounds);
	return 0;
}
