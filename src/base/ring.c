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

static void *map_twice(int fd, size_t header, size_t size)
{
	const int prot = PROT_READ | PROT_WRITE;
	uint8_t *at = mmap(NULL, header + 2 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return MAP_FAILED;
	if (mmap(at, header + size, prot, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED ||
	    mmap(at + header + size, size, prot, MAP_SHARED | MAP_FIXED, fd, header) == MAP_FAILED) {
		munmap(at, header + 2 * size);
		return MAP_FAILED;
	}
	return at;
}

int ring_init(struct ring *ring, size_t size)
{
	size_t header = sysconf(_SC_PAGESIZE);
	int fd = memfd_create("ring", MFD_CLOEXEC);
	uint8_t *at = MAP_FAILED;
	int error;

	if (fd >= 0 && ftruncate(fd, header + size) == 0)
		at = map_twice(fd, header, size);
	error = errno;
	if (fd >= 0)
		close(fd);
	if (at == MAP_FAILED)
		return -error;
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
