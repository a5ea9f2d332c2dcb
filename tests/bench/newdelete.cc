/* newdelete [-n COUNT]: COUNT pairs of free and malloc and as many of delete and new, taking
 * turns; prints `malloc MICROSECONDS` a pair of the first, and those of the other. */
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <time.h>

static const int turn = 64;

struct slots {
	void *block[1024];
	unsigned seed;

	void **next()
	{
		seed = seed * 1103515245 + 12345;
		return &block[seed >> 16 & 1023];
	}
	size_t size() const { return (seed >> 8) % 500 + 1; }
};

static double now()
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

__attribute__((noinline)) static void pair_of_c(slots &slots)
{
	void **slot = slots.next();

	free(*slot);
	*slot = malloc(slots.size());
}

__attribute__((noinline)) static void pair_of_cxx(slots &slots)
{
	void **slot = slots.next();

	::operator delete(*slot);
	*slot = ::operator new(slots.size());
}

static double time_turn(void (*pair)(slots &), slots &slots)
{
	double begin = now();

	for (int i = 0; i < turn; i++)
		pair(slots);
	return now() - begin;
}

int main(int argc, char **argv)
{
	static slots c, cxx;
	int turns = argc == 3 && !strcmp(argv[1], "-n") ? atoi(argv[2]) / turn : 1000;
	double c_us = 0, cxx_us = 0;

	turns += turns == 0;
	for (int i = 0; i < 1024; i++) {
		c.block[i] = malloc(9);
		cxx.block[i] = ::operator new(9);
	}
	for (int i = 0; i < turns; i++)
		for (int first = 0; first < 2; first++)
			if ((i + first) % 2)
				c_us += time_turn(pair_of_c, c);
			else
				cxx_us += time_turn(pair_of_cxx, cxx);
	printf("malloc %.5f\n%.5f\n", c_us / turns / turn, cxx_us / turns / turn);
	return 0;
}
