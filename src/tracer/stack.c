#include "stack.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>

/* 64 frames of CPython, the largest common ones, are 36 KB. */
#define BYTES_PER_FRAME 1024
#define BLOCK 64

static size_t granule = 64 * BYTES_PER_FRAME;
static uint8_t *scratch;

static uint8_t *map(size_t len)
{
	void *at = mmap(NULL, len, PROT_READ | PROT_WRITE,
	                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

void stack_set_depth(unsigned frames)
{
	size_t wanted = (size_t)frames * BYTES_PER_FRAME;

	for (granule = 16384; granule < wanted; granule *= 2)
		;
}

size_t stack_room(void)
{
	return 2 * granule;
}

/* Windows end on multiples of the granule, so that a thread's captures share
 * their end and can be compared; each reaches at least one granule up. */
static taddr_t window_end(const struct capture *capture, taddr_t slot)
{
	taddr_t end = (slot + 2 * granule - 1) & ~(taddr_t)(granule - 1);

	return capture->limit > slot && capture->limit < end ? capture->limit : end;
}

static uint8_t *place(const struct capture *capture, taddr_t addr)
{
	return capture->image + stack_room() - (capture->end - addr);
}

const uint8_t *stack_bytes(const struct capture *capture, taddr_t addr)
{
	return place(capture, addr);
}

void stack_drop(struct capture *capture)
{
	capture->len = 0;
	capture->end = capture->limit = 0;
}

/* Bytes at the end of a and b that are the same, in whole blocks. */
static size_t same_tail(const uint8_t *a, const uint8_t *b, size_t len)
{
	size_t same = 0;

	while (same + BLOCK <= len && memcmp(a - same - BLOCK, b - same - BLOCK, BLOCK) == 0)
		same += BLOCK;
	return same;
}

static size_t read_stack(pid_t tid, taddr_t slot, size_t len)
{
	struct iovec local = { scratch, len }, remote = { (void *)(uintptr_t)slot, len };
	ssize_t got = process_vm_readv(tid, &local, 1, &remote, 1, 0);

	return got > 0 ? (size_t)got : 0;
}

bool stack_take(struct capture *capture, pid_t tid, taddr_t slot, size_t *changed)
{
	taddr_t end = window_end(capture, slot);
	size_t len = end - slot, got, known, same;

	if ((!scratch && !(scratch = map(stack_room()))) ||
	    (!capture->image && !(capture->image = map(stack_room()))))
		return false;
	got = read_stack(tid, slot, len);
	if (got == 0)
		return false;
	if (got < len)
		end = capture->limit = slot + got;
	known = end == capture->end ? capture->len : 0;
	capture->end = end;
	same = same_tail(scratch + got, capture->image + stack_room(), known < got ? known : got);
	*changed = got - same;
	memcpy(place(capture, slot), scratch, *changed);
	capture->len = got;
	return true;
}

const uint8_t *stack_other(pid_t tid, taddr_t addr, size_t *len)
{
	*len = scratch ? read_stack(tid, addr, granule) : 0;
	return *len ? scratch : NULL;
}
