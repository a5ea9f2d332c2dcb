/* Threads whose first instruction is malloc's and whose last is its return,
 * and threads that give back a block without ever having taken one. */
#include "truth.h"

#include <pthread.h>

enum { THREADS = 40 };

MARKER(first_breath);

static struct block born_allocating(size_t size)
{
	pthread_t thread;
	void *at;

	if (pthread_create(&thread, NULL, (void *(*)(void *))(uintptr_t)malloc, (void *)size))
		abort();
	pthread_join(thread, &at);
	return took(&first_breath_marker, T_MALLOC, at, size);
}

static void *free_only(void *at)
{
	free(at);
	return NULL;
}

static void give_elsewhere(struct block block)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, free_only, block.at))
		abort();
	pthread_join(thread, NULL);
	gave(T_FREE, block);
}

int main(void)
{
	struct block blocks[THREADS];

	for (int i = 0; i < THREADS; i++)
		blocks[i] = born_allocating(1000 + (size_t)i);
	for (int i = 0; i < THREADS; i += 2)
		give_elsewhere(blocks[i]);
	truth_also("threads", THREADS + THREADS / 2 + 1);
	truth_write();
	return 0;
}
