/* What each call does is told in its manual page of section 2, and by mm/mmap.c,
 * mm/mremap.c, mm/mprotect.c, ipc/shm.c and fs/aio.c of Linux. */
#include "address_space.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/shm.h>

#define PAGE UINT64_C(4096)
#define HUGE_SHIFT 26 /* MAP_HUGE_SHIFT, linux/mman.h: the size's logarithm is above it */
#define HUGE_DEFAULT 21
#define STACK_MAX (UINT64_C(64) << 20)

static uint64_t pages(uint64_t len)
{
	return (len + PAGE - 1) & ~(PAGE - 1);
}

/* A stack grows without a call, and so may have grown to below begin, since the list was read,
 * by the time somebody cuts there: supposed to be, until the list is read again. */
static void suppose_grown(struct address_space *space, taddr_t begin)
{
	const struct vma *above = vmas_next(&space->vmas, begin);
	struct vma vma;

	if (!above || !(above->flags & VMA_GROWS_DOWN) || above->begin <= begin || begin < PAGE ||
	    above->begin - begin > STACK_MAX)
		return;
	vma = *above;
	vma.end = above->begin;
	vma.begin = begin - PAGE;
	vma.flags |= VMA_SUPPOSED;
	vmas_put(&space->vmas, &vma);
}

/* ---- one call each --------------------------------------------------------------------- */

static uint8_t prot_of(const struct map_call *call)
{
	return call->args[2] & (PROT_READ | PROT_WRITE | PROT_EXEC);
}

static uint64_t mmap_len(const struct map_call *call)
{
	const uint64_t *args = call->args;
	unsigned shift = args[3] >> HUGE_SHIFT & 63;
	uint64_t huge = UINT64_C(1) << (shift ? shift : HUGE_DEFAULT);

	if (call->mapped)
		return call->mapped;
	return args[3] & MAP_HUGETLB ? (args[1] + huge - 1) & ~(huge - 1) : pages(args[1]);
}

static void do_mmap(struct address_space *space, const struct map_call *call, struct vma vma)
{
	bool shared = call->args[3] & MAP_SHARED, anonymous = call->args[3] & MAP_ANONYMOUS;

	if (call->args[3] & MAP_FIXED)
		suppose_grown(space, call->args[0]);
	vma.begin = (taddr_t)call->result;
	vma.end = vma.begin + mmap_len(call);
	vma.prot = prot_of(call);
	vma.flags = (shared ? VMA_SHARED : 0) |
	            (shared || !anonymous || call->args[3] & MAP_HUGETLB ? VMA_FILE : 0) |
	            (call->args[3] & MAP_GROWSDOWN ? VMA_GROWS_DOWN : 0);
	vma.offset = anonymous ? 0 : call->args[5];
	vmas_put(&space->vmas, &vma);
}

static void do_munmap(struct address_space *space, const struct map_call *call, struct vma by)
{
	(void)by;
	suppose_grown(space, call->args[0]);
	vmas_drop(&space->vmas, call->args[0], call->args[0] + pages(call->args[1]));
}

/* Several mappings at once may only be moved, not resized (Linux 6.17). Each replaces what is
 * at its new place; where there was a hole between them nothing is. */
static bool remap_several(struct address_space *space, const struct map_call *call, uint64_t len)
{
	taddr_t from = call->args[0], end = from + len, by = (taddr_t)call->result - from, last;
	const struct vma *vma = vmas_at(&space->vmas, from);

	if (!vma || vma->end >= end)
		return false;
	for (; vma && vma->begin < end; vma = vmas_next(&space->vmas, last)) {
		taddr_t begin = vma->begin > from ? vma->begin : from;

		last = vma->end < end ? vma->end : end;
		if (!vmas_move(&space->vmas, begin, last - begin, begin + by))
			break;
	}
	return true;
}

/* The old one is copied when its length is given as 0. */
static void do_mremap(struct address_space *space, const struct map_call *call, struct vma by)
{
	taddr_t old = call->args[0], now = (taddr_t)call->result;
	uint64_t old_len = pages(call->args[1]), new_len = pages(call->args[2]);
	bool moves = now != old && old_len && !(call->args[3] & MREMAP_DONTUNMAP);
	const struct vma *of;
	struct vma vma;

	suppose_grown(space, old);
	if (call->args[3] & MREMAP_FIXED)
		suppose_grown(space, now);
	of = vmas_at(&space->vmas, old);
	if (now != old && old_len == new_len && moves && remap_several(space, call, old_len))
		return;
	if (of && old_len > new_len) {
		vmas_drop(&space->vmas, old + new_len, old + old_len);
		old_len = new_len;
		of = vmas_at(&space->vmas, old);
	}
	if (of && (now != old || new_len > old_len)) {
		vma = vma_again(of, &by, old, now, new_len);
		if (moves)
			vmas_drop(&space->vmas, old, old + old_len);
		vmas_put(&space->vmas, &vma);
	}
}

static void do_brk(struct address_space *space, const struct map_call *call, struct vma by)
{
	taddr_t was = pages(space->brk), now = pages((taddr_t)call->result);

	if (space->brk && now > was) {
		by.begin = was;
		by.end = now;
		by.prot = PROT_READ | PROT_WRITE;
		vmas_put(&space->vmas, &by);
	} else if (space->brk && now < was) {
		vmas_drop(&space->vmas, now, was);
	}
	space->brk = (taddr_t)call->result;
}

static void do_shmat(struct address_space *space, const struct map_call *call, struct vma vma)
{
	vma.begin = (taddr_t)call->result;
	vma.end = vma.begin + pages(call->mapped);
	vma.flags = VMA_SHARED | VMA_FILE;
	vma.prot = PROT_READ | (call->args[2] & SHM_RDONLY ? 0 : PROT_WRITE) |
	           (call->args[2] & SHM_EXEC ? PROT_EXEC : 0);
	vmas_put(&space->vmas, &vma);
}

/* Of a mapping at addr of the whole of something: is it what is left there? */
static bool is_left(const struct vma *vma, taddr_t addr)
{
	return vma->flags & VMA_FILE && vma->offset == vma->begin - addr;
}

static bool is_same_thing(const struct vma *a, const struct vma *b)
{
	return a->born == b->born || (a->inode && a->inode == b->inode);
}

/* All that is left of the mapping at addr, whose beginning may be unmapped. */
static void drop_whole(struct address_space *space, taddr_t addr)
{
	const struct vma *vma = vmas_next(&space->vmas, addr);
	struct vma first;

	while (vma && !is_left(vma, addr))
		vma = vmas_next(&space->vmas, vma->end);
	if (!vma)
		return;
	first = *vma;
	while (vma && is_left(vma, addr) && is_same_thing(vma, &first)) {
		taddr_t begin = vma->begin, end = vma->end;

		if (!vmas_drop(&space->vmas, begin, end))
			break;
		vma = vmas_next(&space->vmas, end);
	}
}

static void do_shmdt(struct address_space *space, const struct map_call *call, struct vma by)
{
	(void)by;
	drop_whole(space, call->args[0]);
}

static void do_protect(struct address_space *space, const struct map_call *call, struct vma by)
{
	taddr_t begin = call->args[0], end = begin + pages(call->args[1]);
	const struct vma *vma;

	(void)by;
	suppose_grown(space, begin);
	vma = vmas_next(&space->vmas, begin);
	if (call->args[2] & PROT_GROWSDOWN && vma)
		begin = vma->begin;
	vmas_protect(&space->vmas, begin, end, prot_of(call));
}

static void do_io_setup(struct address_space *space, const struct map_call *call, struct vma vma)
{
	vma.begin = call->address;
	vma.end = vma.begin + pages(call->mapped);
	vma.flags = VMA_SHARED | VMA_FILE;
	vma.prot = PROT_READ | PROT_WRITE;
	vmas_put(&space->vmas, &vma);
}

static void do_shadow_stack(struct address_space *space, const struct map_call *call,
                            struct vma vma)
{
	vma.begin = (taddr_t)call->result;
	vma.end = vma.begin + pages(call->args[1]);
	vma.prot = PROT_READ | PROT_WRITE;
	vmas_put(&space->vmas, &vma);
}

static void do_remap_pages(struct address_space *space, const struct map_call *call,
                           struct vma by)
{
	const struct vma *of = vmas_at(&space->vmas, call->args[0]);
	struct vma vma;

	if (!of)
		return;
	vma = vma_again(of, &by, call->args[0], call->args[0], pages(call->args[1]));
	vma.offset = call->args[3] * PAGE;
	vmas_put(&space->vmas, &vma);
}

/* ---- all calls ------------------------------------------------------------------------------ */

static void fail_mmap(struct address_space *space, const struct map_call *call)
{
	if (call->gone)
		vmas_drop(&space->vmas, call->args[0], call->args[0] + pages(call->args[1]));
}

static void fail_mremap(struct address_space *space, const struct map_call *call)
{
	if (call->gone)
		vmas_drop(&space->vmas, call->args[4], call->args[4] + pages(call->args[2]));
}

static void fail_protect(struct address_space *space, const struct map_call *call)
{
	if (call->mapped)
		vmas_protect(&space->vmas, call->args[0], call->args[0] + call->mapped,
		             prot_of(call));
}

static const struct {
	void (*apply)(struct address_space *, const struct map_call *, struct vma by);
	void (*fail)(struct address_space *, const struct map_call *); /* half way; or NULL */
} calls[] = {
	[MAP_CALL_MMAP] = { do_mmap, fail_mmap },
	[MAP_CALL_MUNMAP] = { do_munmap, NULL },
	[MAP_CALL_MREMAP] = { do_mremap, fail_mremap },
	[MAP_CALL_BRK] = { do_brk, NULL },
	[MAP_CALL_SHMAT] = { do_shmat, NULL },
	[MAP_CALL_SHMDT] = { do_shmdt, NULL },
	[MAP_CALL_PROTECT] = { do_protect, fail_protect },
	[MAP_CALL_IO_SETUP] = { do_io_setup, NULL },
	[MAP_CALL_IO_DESTROY] = { do_shmdt, NULL },
	[MAP_CALL_SHADOW_STACK] = { do_shadow_stack, NULL },
	[MAP_CALL_REMAP_PAGES] = { do_remap_pages, NULL },
};

void address_space_apply(struct address_space *space, const struct map_call *call,
                         const struct vma *by)
{
	if (call->kind >= countof(calls) || !calls[call->kind].apply)
		return;
	if (!map_call_failed(call))
		calls[call->kind].apply(space, call, *by);
	else if (calls[call->kind].fail)
		calls[call->kind].fail(space, call);
}

void address_space_deinit(struct address_space *space)
{
	vmas_clear(&space->vmas);
	*space = (struct address_space){ 0 };
}
