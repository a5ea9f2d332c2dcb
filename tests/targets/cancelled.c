/* Threads cancelled at any instruction of a malloc loop. They use blocks of
 * their own cache only, so none dies holding the allocator's lock. At most one
 * call of each is cut off. */
#include "truth.h"

#include <pthread.h>

enum { THREADS = 60, CACHED = 7, SIZE = 80, ROUNDS = 50 };

static volatile long rounds;

ALLOCATOR(fill_take, T_MALLOC, malloc(size))
ALLOCATOR(loop_take, T_MALLOC, malloc(size))
ALLOCATOR(after_take, T_MALLOC, malloc(size))

static void fill_cache(void)
{
	struct block blocks[CACHED];

	for (int i = 0; i < CACHED; i++)
		blocks[i] = fill_take(SIZE);
	for (int i = 0; i < CACHED; i++)
		give(blocks[i]);
}

static void *loop(void *unused_argument)
{
	(void)unused_argument;
	fill_cache();
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	for (;;) {
		give(loop_take(SIZE));
		__atomic_fetch_add(&rounds, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void wait_for_rounds(void)
{
	long until = __atomic_load_n(&rounds, __ATOMIC_ACQUIRE) + ROUNDS;

	while (__atomic_load_n(&rounds, __ATOMIC_ACQUIRE) < until)
		sched_yield();
}

int main(void)
{
	pthread_t thread;
	void *result;

	for (int i = 0; i < THREADS; i++) {
		pthread_create(&thread, NULL, loop, NULL);
		wait_for_rounds();
		pthread_cancel(thread);
		pthread_join(thread, &result);
		if (result != PTHREAD_CANCELED)
			abort();
		give(after_take(500));
		after_take(50);
	}
	truth_also("cut_off", THREADS);
	truth_write();
	return 0;
}
