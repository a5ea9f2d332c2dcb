#include "ring.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

struct ring_shared {
	_Atomic uint64_t head; /* bytes ever committed */
	char pad0[56];
	_Atomic uint64_t tail; /* bytes ever consumed */
	char pad1[56];
	_Atomic int reader; /* enum ring_reader */
};

/* The bytes behind the header twice, one behind the other: mremap(2) of no bytes of a
 * shared mapping maps it once more. A memfd would do too, but for RLIMIT_FSIZE. */
static void *map_twice(size_t header, size_t size)
{
	uint8_t *at = mmap(NULL, header + 2 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return MAP_FAILED;
	if (mmap(at, header + size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED,
	         -1, 0) == MAP_FAILED ||
	    mremap(at + header, 0, size, MREMAP_MAYMOVE | MREMAP_FIXED, at + header + size) ==
	            MAP_FAILED) {
		munmap(at, header + 2 * size);
		return MAP_FAILED;
	}
	return at;
}

int ring_init(struct ring *ring, size_t size)
{
	size_t header = sysconf(_SC_PAGESIZE);
	uint8_t *at = map_twice(header, size);

	if (at == MAP_FAILED)
		return -errno;
	*ring = (struct ring){ (struct ring_shared *)at, at + header, size };
	return 0;
}

void ring_deinit(struct ring *ring)
{
	size_t header = sysconf(_SC_PAGESIZE);

	if (ring->shared)
		munmap(ring->shared, header + 2 * ring->size);
	*ring = (struct ring){ 0 };
}

static uint64_t used(const struct ring *ring)
{
	return atomic_load_explicit(&ring->shared->head, memory_order_acquire) -
	       atomic_load_explicit(&ring->shared->tail, memory_order_acquire);
}

void *ring_reserve(struct ring *ring, size_t len)
{
	if (len > ring->size - used(ring))
		return NULL;
	return ring->body + (ring->shared->head & (ring->size - 1));
}

void ring_commit(struct ring *ring, size_t len)
{
	/* sequentially consistent: the reader announces its sleep, then looks
	 * once more; the writer moves the head, then looks for a sleeper */
	atomic_fetch_add(&ring->shared->head, len);
}

bool ring_should_wake(struct ring *ring, bool urgent)
{
	int reader = atomic_load(&ring->shared->reader);

	if (reader == RING_AWAKE)
		return false;
	if (reader == RING_NAPPING && !urgent && used(ring) < ring->size / 4)
		return false;
	return atomic_exchange(&ring->shared->reader, RING_AWAKE) != RING_AWAKE;
}

const void *ring_peek(struct ring *ring, size_t *len)
{
	*len = used(ring);
	return ring->body + (ring->shared->tail & (ring->size - 1));
}

void ring_consume(struct ring *ring, size_t len)
{
	atomic_fetch_add_explicit(&ring->shared->tail, len, memory_order_release);
}

void ring_set_reader(struct ring *ring, enum ring_reader reader)
{
	atomic_store(&ring->shared->reader, reader);
}

bool ring_empty(const struct ring *ring)
{
	return used(ring) == 0;
}
