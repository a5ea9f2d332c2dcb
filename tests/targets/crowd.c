/* 1,000 threads, 256 of them alive at once; the first 256 when "ready PID" is said.
 * A line lets them and all others work; then the truth, "done", and another line. */
#include "since.h"

#include <pthread.h>

enum { ALL = 1000, AT_ONCE = 256, EACH = 5 };

static pthread_t threads[AT_ONCE];
static pthread_barrier_t gathered, released;

ALLOCATOR(crowd_take, T_MALLOC, malloc(size))
ALLOCATOR(crowd_clear, T_CALLOC, calloc(1, size))

static void *be_one_of_many(void *argument)
{
	size_t number = (size_t)(intptr_t)argument;
	struct block blocks[EACH];

	pthread_barrier_wait(&gathered);
	pthread_barrier_wait(&released);
	for (size_t i = 0; i < EACH; i++)
		blocks[i] = crowd_take(10 * (i + 1) + number);
	for (size_t i = 1; i < EACH; i++)
		give(blocks[i]);
	give(crowd_clear(100 + number));
	return NULL;
}

static void gather(int count)
{
	pthread_barrier_init(&gathered, NULL, (unsigned)count + 1);
	pthread_barrier_init(&released, NULL, (unsigned)count + 1);
	for (int i = 0; i < count; i++)
		if (pthread_create(&threads[i], NULL, be_one_of_many, (void *)(intptr_t)i))
			abort();
	pthread_barrier_wait(&gathered);
}

static void let_work(int count)
{
	pthread_barrier_wait(&released);
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&gathered);
	pthread_barrier_destroy(&released);
}

int main(void)
{
	int left = ALL - AT_ONCE;

	gather(AT_ONCE);
	truth_begin();
	say("ready %ld\n", getpid());
	await_line();
	let_work(AT_ONCE);
	for (int count; left; left -= count) {
		count = left < AT_ONCE ? left : AT_ONCE;
		gather(count);
		let_work(count);
	}
	truth_also("threads", ALL + 1);
	truth_write_since();
	say("done\n", 0);
	await_line();
	_exit(0);
}
