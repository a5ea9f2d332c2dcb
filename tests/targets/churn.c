/* Eight threads allocate, resize and free; what one takes another often gives
 * back. A block carries its own size and marker. */
#include "truth.h"

#include <pthread.h>

enum { THREADS = 8, ROUNDS = 2500, SLOTS = 512 };

struct load {
	size_t size;
	struct marker *by;
};

static struct load *slots[SLOTS];
static pthread_barrier_t start;

static struct load *laden(struct block block)
{
	struct load *load = block.at;

	load->size = block.size;
	load->by = block.by;
	return load;
}

static void unload(struct load *load)
{
	if (load)
		give((struct block){ load, load->size, load->by });
}

ALLOCATOR(churn_malloc, T_MALLOC, malloc(size))
ALLOCATOR(churn_calloc, T_CALLOC, calloc(size, 1))
ALLOCATOR(churn_aligned, T_ALIGNED_ALLOC, aligned_alloc(64, size))

MARKER(churn_realloc);
static noipa struct block churn_realloc(struct load *old, size_t size)
{
	struct block was = { old, old->size, old->by };

	return retook(&churn_realloc_marker, T_REALLOC, was, realloc(old, size), size);
}

static unsigned next_random(unsigned *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

static struct load *fresh(unsigned random)
{
	size_t size = sizeof(struct load) + random % 3000;

	switch (random % 4) {
	case 0:
		return laden(churn_calloc(size));
	case 1:
		return laden(churn_aligned(size));
	default:
		return laden(churn_malloc(size));
	}
}

static struct load *resized(struct load *load, unsigned random)
{
	return laden(churn_realloc(load, sizeof(struct load) + random % 5000));
}

static void *churn(void *seed)
{
	unsigned state = (unsigned)(uintptr_t)seed;
	struct load *mine;

	pthread_barrier_wait(&start);
	for (int i = 0; i < ROUNDS; i++) {
		mine = fresh(next_random(&state));
		if (next_random(&state) % 8 == 0)
			mine = resized(mine, next_random(&state));
		unload(__atomic_exchange_n(&slots[next_random(&state) % SLOTS], mine,
		                           __ATOMIC_ACQ_REL));
	}
	return NULL;
}

int main(void)
{
	pthread_t threads[THREADS];

	pthread_barrier_init(&start, NULL, THREADS);
	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, churn, (void *)(i + 1));
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < SLOTS; i += 2)
		unload(slots[i]);
	truth_also("threads", THREADS + 1);
	truth_write();
	return 0;
}
