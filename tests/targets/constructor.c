/* Allocations before main and after it. */
#include "truth.h"

ALLOCATOR(take_before_main, T_MALLOC, malloc(size))
ALLOCATOR(take_in_main, T_MALLOC, malloc(size))
ALLOCATOR(take_after_main, T_MALLOC, malloc(size))

static struct block early[10];

__attribute__((constructor(101))) static void before_everything(void)
{
	for (int i = 0; i < 10; i++)
		early[i] = take_before_main(100 + (size_t)i);
}

__attribute__((constructor)) static void before(void)
{
	give(early[3]);
	early[3] = take_before_main(5000);
}

static void at_exit(void)
{
	take_after_main(64);
	give(early[5]);
}

__attribute__((destructor(101))) static void after_everything(void)
{
	take_after_main(32);
	give(early[7]);
	truth_write();
}

int main(void)
{
	atexit(at_exit);
	take_in_main(10);
	return 0;
}
