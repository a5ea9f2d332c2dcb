/* Threads that allocate, resize and free without pause, and look whether their
 * blocks still hold what they wrote into them.
 *
 * churning [THREADS [PAUSE_US]]: "ready PID" when all are under way. On SIGTERM
 * they stop, check and free what is left: "rounds N harmed N", and exit 0, or 99
 * when anything was harmed. Each round is one call. */
#include "truth.h"

#include <pthread.h>
#include <signal.h>

enum { SLOTS = 32, THREADS_MAX = 64, SMALL = 1024, LARGE = 300000, LARGE_EVERY = 64, HARMED = 99 };

struct slot {
	unsigned char *at;
	size_t size;
	unsigned char mark;
};

struct worker {
	pthread_t thread;
	uint64_t random;
	long rounds, harmed;
	struct slot slots[SLOTS];
};

static struct worker workers[THREADS_MAX];
static int ending, under_way;
static useconds_t pause_us;

static uint64_t next_random(struct worker *worker)
{
	worker->random ^= worker->random << 13;
	worker->random ^= worker->random >> 7;
	worker->random ^= worker->random << 17;
	return worker->random;
}

static size_t random_size(struct worker *worker)
{
	bool large = next_random(worker) % LARGE_EVERY == 0;

	return 1 + next_random(worker) % (large ? LARGE : SMALL);
}

static void fill(struct slot *slot, size_t from)
{
	for (size_t i = from; i < slot->size; i++)
		slot->at[i] = (unsigned char)(slot->mark + i);
}

static void check(struct worker *worker, const struct slot *slot, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (slot->at[i] == (unsigned char)(slot->mark + i))
			continue;
		worker->harmed++;
		return;
	}
}

static noipa void take(struct worker *worker, struct slot *slot)
{
	slot->mark = (unsigned char)next_random(worker);
	slot->size = random_size(worker);
	slot->at = malloc(slot->size);
	if (slot->at)
		fill(slot, 0);
	else
		worker->harmed++;
}

static noipa void resize(struct worker *worker, struct slot *slot)
{
	size_t size = random_size(worker), kept = size < slot->size ? size : slot->size;
	unsigned char *at = realloc(slot->at, size);

	if (!at) {
		worker->harmed++;
		return;
	}
	slot->at = at;
	slot->size = size;
	check(worker, slot, kept);
	fill(slot, kept);
}

static noipa void drop(struct worker *worker, struct slot *slot)
{
	check(worker, slot, slot->size);
	free(slot->at);
	slot->at = NULL;
}

static void play_round(struct worker *worker)
{
	struct slot *slot = &worker->slots[next_random(worker) % SLOTS];

	if (!slot->at)
		take(worker, slot);
	else if (next_random(worker) % 3)
		drop(worker, slot);
	else
		resize(worker, slot);
	worker->rounds++;
}

static void *work(void *argument)
{
	struct worker *worker = argument;

	__atomic_fetch_add(&under_way, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&ending, __ATOMIC_RELAXED)) {
		play_round(worker);
		if (pause_us)
			usleep(pause_us);
	}
	for (int i = 0; i < SLOTS; i++)
		if (worker->slots[i].at)
			drop(worker, &worker->slots[i]);
	return NULL;
}

static void wait_for_end(void)
{
	sigset_t set;
	int number;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	if (sigwait(&set, &number))
		abort();
	__atomic_store_n(&ending, 1, __ATOMIC_RELAXED);
}

static void start(struct worker *worker, uint64_t seed)
{
	worker->random = seed * 0x9e3779b97f4a7c15u;
	if (pthread_create(&worker->thread, NULL, work, worker))
		abort();
}

int main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 4;
	long rounds = 0, harmed = 0;
	sigset_t term;

	pause_us = argc > 2 ? (useconds_t)atoi(argv[2]) : 0;
	if (threads < 1 || threads > THREADS_MAX)
		return 2;
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	for (int i = 0; i < threads; i++)
		start(&workers[i], (uint64_t)i + 1);
	while (__atomic_load_n(&under_way, __ATOMIC_ACQUIRE) < threads)
		usleep(100);
	say("ready %ld\n", getpid());
	wait_for_end();
	for (int i = 0; i < threads; i++) {
		pthread_join(workers[i].thread, NULL);
		rounds += workers[i].rounds;
		harmed += workers[i].harmed;
	}
	say("rounds %ld ", rounds);
	say("harmed %ld\n", harmed);
	return harmed ? HARMED : 0;
}
