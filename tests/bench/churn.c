/* churn [N]: N rounds of free and malloc over 1024 slots, each from eight
 * frames deep; prints the microseconds one pair took. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void *deep(int depth, size_t size);

static void *slots[1024];

__attribute__((noinline)) void *deep(int depth, size_t size)
{
	void *block = depth ? deep(depth - 1, size) : malloc(size);

	__asm__ volatile("" : : "r"(block)); /* no tail call, no loop */
	return block;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 100000;
	unsigned seed = 1;
	double begin = now();

	for (int i = 0; i < rounds; i++) {
		void **slot;

		seed = seed * 1103515245 + 12345;
		slot = &slots[seed >> 16 & 1023];
		free(*slot);
		*slot = deep(7, (seed >> 8) % 500 + 1);
	}
	printf("%.5f\n", (now() - begin) / rounds);
	return 0;
}
