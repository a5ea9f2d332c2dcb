#include "stack.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>

/* 64 frames of CPython, the largest common ones, are 36 KB. */
#define BYTES_PER_FRAME 1024
#define BLOCK 64
#define MANY (16 * BLOCK)

static size_t granule = 64 * BYTES_PER_FRAME;
static uint8_t *scratch;
static struct { /* what was read into it at this very stop */
	pid_t tid;
	taddr_t addr;
	size_t len, asked;
} seen;

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

	if (capture->limit > slot && capture->limit < end)
		end = capture->limit;
	return capture->bound > slot && capture->bound < end ? capture->bound : end;
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
	capture->end = capture->limit = capture->bound = 0;
}

static size_t same_blocks(const uint8_t *a, const uint8_t *b, size_t len, size_t same, size_t block)
{
	while (same + block <= len && memcmp(a - same - block, b - same - block, block) == 0)
		same += block;
	return same;
}

/* Bytes at the end of a and b that are the same, in whole blocks. */
static size_t same_tail(const uint8_t *a, const uint8_t *b, size_t len)
{
	return same_blocks(a, b, len, same_blocks(a, b, len, 0, MANY), BLOCK);
}

static size_t read_stack(pid_t tid, taddr_t addr, size_t len)
{
	struct iovec local, remote = { (void *)(uintptr_t)addr, len };
	ssize_t got;

	if (!scratch && !(scratch = map(stack_room())))
		return 0;
	local = (struct iovec){ scratch, len };
	got = process_vm_readv(tid, &local, 1, &remote, 1, 0);
	return got > 0 ? (size_t)got : 0;
}

/* What lies at addr, of which len bytes were asked for or *got are all there are. Read once at
 * a stop: the pops on the way to a ret and the capture behind it ask for the same. */
static const uint8_t *see(pid_t tid, taddr_t addr, size_t len, size_t *got)
{
	if (tid != seen.tid || addr < seen.addr || addr + len > seen.addr + seen.asked) {
		seen.tid = tid;
		seen.addr = addr;
		seen.asked = len;
		seen.len = read_stack(tid, addr, len);
	}
	*got = seen.addr + seen.len > addr ? seen.addr + seen.len - addr : 0;
	*got = *got < len ? *got : len;
	return *got ? scratch + (addr - seen.addr) : NULL;
}

void stack_stale(void)
{
	seen.tid = 0;
}

bool stack_read(const struct capture *capture, pid_t tid, taddr_t addr, void *buf, size_t len)
{
	size_t got, wanted = window_end(capture, addr) - addr;
	const uint8_t *bytes = wanted >= len ? see(tid, addr, wanted, &got) : NULL;

	if (!bytes || got < len)
		return false;
	memcpy(buf, bytes, len);
	return true;
}

bool stack_take(struct capture *capture, pid_t tid, taddr_t slot, size_t *changed)
{
	taddr_t end = window_end(capture, slot);
	size_t got, known, same;
	const uint8_t *bytes = see(tid, slot, end - slot, &got);

	if (!bytes || (!capture->image && !(capture->image = map(stack_room()))))
		return false;
	if (got < end - slot)
		end = capture->limit = slot + got;
	known = end == capture->end ? capture->len : 0;
	capture->end = end;
	same = same_tail(bytes + got, capture->image + stack_room(), known < got ? known : got);
	*changed = got - same;
	memcpy(place(capture, slot), bytes, *changed);
	capture->len = got;
	return true;
}

const uint8_t *stack_other(pid_t tid, taddr_t addr, size_t *len)
{
	return see(tid, addr, granule, len);
}
