/* Allocates, says "ready PID TID" with the number of a second thread, waits for a
 * line, does a known amount of work in both threads, partly on blocks from before,
 * tells the truth of that work, says "done", and ends at another line or, as
 * `known end`, by itself. */
#include "since.h"

#include <pthread.h>

enum { BEFORE = 100, MAIN_FREES = 40, THREAD_FREES = 20, RESIZED = 10, TAKEN = 250, GIVEN = 150 };

static struct block before[BEFORE];
static pid_t thread_id;
static pthread_barrier_t steps;

ALLOCATOR(take_before, T_MALLOC, malloc(size))
ALLOCATOR(main_take, T_MALLOC, malloc(size))
ALLOCATOR(main_clear, T_CALLOC, calloc(size, 1))
ALLOCATOR(thread_take, T_MALLOC, malloc(size))
ALLOCATOR(thread_align, T_ALIGNED_ALLOC, aligned_alloc(64, size))

MARKER(resize_earlier);
static noipa void resize_earlier(struct block old, size_t size)
{
	retook(&resize_earlier_marker, T_REALLOC, no_block, realloc(old.at, size), size);
	truth_add(&earlier_frees, 1);
}

MARKER(resize_own);
static noipa struct block resize_own(struct block old, size_t size)
{
	return retook(&resize_own_marker, T_REALLOC, old, realloc(old.at, size), size);
}

static void take_and_give(struct block (*take)(size_t size))
{
	struct block blocks[TAKEN];

	for (int i = 0; i < TAKEN; i++)
		blocks[i] = take(64 * (size_t)(i + 1));
	for (int i = 0; i < GIVEN; i++)
		give(blocks[i]);
	for (int i = GIVEN; i < TAKEN; i += 2)
		blocks[i] = resize_own(blocks[i], 128 * (size_t)i);
}

static void *second_thread(void *argument)
{
	(void)argument;
	thread_id = gettid();
	pthread_barrier_wait(&steps);
	pthread_barrier_wait(&steps);
	for (int i = MAIN_FREES; i < MAIN_FREES + THREAD_FREES; i++)
		give_earlier(before[i]);
	take_and_give(thread_take);
	take_and_give(thread_align);
	pthread_barrier_wait(&steps);
	pthread_barrier_wait(&steps);
	return NULL;
}

static void work(void)
{
	for (int i = 0; i < MAIN_FREES; i++)
		give_earlier(before[i]);
	take_and_give(main_take);
	take_and_give(main_clear);
	for (int i = 0; i < RESIZED; i++)
		resize_earlier(before[BEFORE - 1 - i], 1000 + (size_t)i);
	give(no_block);
}

int main(int argc, char **argv)
{
	bool waits = argc < 2 || strcmp(argv[1], "end");
	pthread_t thread;

	pthread_barrier_init(&steps, NULL, 2);
	for (size_t i = 0; i < BEFORE; i++)
		before[i] = take_before(200 + 16 * i);
	if (pthread_create(&thread, NULL, second_thread, NULL))
		abort();
	pthread_barrier_wait(&steps);
	truth_begin();
	say("ready %ld ", getpid());
	say("%ld\n", thread_id);
	await_line();
	pthread_barrier_wait(&steps);
	work();
	pthread_barrier_wait(&steps);
	truth_write_since();
	say("done\n", 0);
	if (waits)
		await_line();
	_exit(0);
}
