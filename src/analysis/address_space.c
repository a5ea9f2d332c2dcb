/* What each call does is told in its manual page of section 2, and by mm/mmap.c,
 * mm/mremap.c, mm/mprotect.c, ipc/shm.c and fs/aio.c of Linux. */
#include "address_space.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>

#include "proc_maps.h"

#define PAGE UINT64_C(4096)
#define HUGE_SHIFT 26 /* MAP_HUGE_SHIFT, linux/mman.h: the size's logarithm is above it */
#define HUGE_DEFAULT 21

static uint64_t pages(uint64_t len)
{
	return (len + PAGE - 1) & ~(PAGE - 1);
}

/* by, with all else from of, at [begin, begin + len) where of has offset at. */
static struct vma again(const struct vma *of, const struct vma *by, taddr_t at, taddr_t begin,
                        uint64_t len)
{
	struct vma vma = *by;

	vma.begin = begin;
	vma.end = begin + len;
	vma.prot = of->prot;
	vma.flags = of->flags;
	vma.inode = of->inode;
	vma.offset = of->offset + (at - of->begin);
	return vma;
}

/* ---- one call each --------------------------------------------------------------------- */

static uint64_t mmap_len(const uint64_t *args)
{
	unsigned shift = args[3] >> HUGE_SHIFT & 63;
	uint64_t huge = UINT64_C(1) << (shift ? shift : HUGE_DEFAULT);

	return args[3] & MAP_HUGETLB ? (args[1] + huge - 1) & ~(huge - 1) : pages(args[1]);
}

static void do_mmap(struct address_space *space, const struct map_call *call, struct vma vma)
{
	bool shared = call->args[3] & MAP_SHARED, anonymous = call->args[3] & MAP_ANONYMOUS;

	vma.begin = (taddr_t)call->result;
	vma.end = vma.begin + mmap_len(call->args);
	vma.prot = call->args[2] & (PROT_READ | PROT_WRITE | PROT_EXEC);
	vma.flags = (shared ? VMA_SHARED : 0) | 
	            (shared || !anonymous || call->args[3] & MAP_HUGETLB ? VMA_FILE : 0) |
	            (call->args[3] & MAP_GROWSDOWN ? VMA_GROWS_DOWN : 0);
	vma.offset = anonymous ? 0 : call->args[5];
	vmas_put(&space->vmas, &vma);
}

static void do_munmap(struct address_space *space, const struct map_call *call, struct vma by)
{
	(void)by;
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
	const struct vma *of = vmas_at(&space->vmas, old);
	bool moves = now != old && old_len && !(call->args[3] & MREMAP_DONTUNMAP);
	struct vma vma;

	if (now != old && old_len == new_len && moves && remap_several(space, call, old_len))
		return;
	if (of && old_len > new_len) {
		vmas_drop(&space->vmas, old + new_len, old + old_len);
		old_len = new_len;
		of = vmas_at(&space->vmas, old);
	}
	if (of && (now != old || new_len > old_len)) {
		vma = again(of, &by, old, now, new_len);
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

/* All that is left of the mapping that one call has made at addr. */
static void drop_whole(struct address_space *space, taddr_t addr)
{
	const struct vma *vma = vmas_at(&space->vmas, addr);
	uint64_t born = vma ? vma->born : 0;

	for (taddr_t at = addr; (vma = vmas_next(&space->vmas, at)) &&
	     vma->born == born && vma->offset == vma->begin - addr; at = addr) {
		taddr_t begin = vma->begin, end = vma->end;

		if (!vmas_drop(&space->vmas, begin, end))
			break;
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
	const struct vma *vma = vmas_at(&space->vmas, begin);

	(void)by;
	if (call->args[2] & PROT_GROWSDOWN && vma)
		begin = vma->begin;
	vmas_protect(&space->vmas, begin, end,
	             call->args[2] & (PROT_READ | PROT_WRITE | PROT_EXEC));
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
	vma = again(of, &by, call->args[0], call->args[0], pages(call->args[1]));
	vma.offset = call->args[3] * PAGE;
	vmas_put(&space->vmas, &vma);
}

/* ---- all calls ------------------------------------------------------------------------------ */

static const struct {
	void (*apply)(struct address_space *, const struct map_call *, struct vma by);
	int partly; /* the errno with which it fails after having changed something */
} calls[] = {
	[MAP_CALL_MMAP] = { do_mmap, 0 },
	[MAP_CALL_MUNMAP] = { do_munmap, 0 },
	[MAP_CALL_MREMAP] = { do_mremap, 0 },
	[MAP_CALL_BRK] = { do_brk, 0 },
	[MAP_CALL_SHMAT] = { do_shmat, 0 },
	[MAP_CALL_SHMDT] = { do_shmdt, 0 },
	[MAP_CALL_PROTECT] = { do_protect, ENOMEM },
	[MAP_CALL_IO_SETUP] = { do_io_setup, 0 },
	[MAP_CALL_IO_DESTROY] = { do_shmdt, 0 },
	[MAP_CALL_SHADOW_STACK] = { do_shadow_stack, 0 },
	[MAP_CALL_REMAP_PAGES] = { do_remap_pages, 0 },
};

void address_space_apply(struct address_space *space, const struct map_call *call,
                         const struct vma *by)
{
	bool failed = call->result < 0 && call->result > -(int64_t)PAGE;

	if (call->kind >= countof(calls) || !calls[call->kind].apply)
		return;
	if (!failed || (calls[call->kind].partly && call->result == -calls[call->kind].partly))
		calls[call->kind].apply(space, call, *by);
}

/* ---- the kernel's list ------------------------------------------------------------------------ */

static struct vma vma_of(const struct mapping *mapping)
{
	bool file = mapping->inode || *mapping->name == '/'; /* shmget(2) counts from 0 */

	return (struct vma){
		.begin = mapping->begin, .end = mapping->end, .offset = mapping->offset,
		.inode = mapping->inode, .prot = mapping->prot,
		.flags = (mapping->shared ? VMA_SHARED : 0) | (file ? VMA_FILE : 0),
	};
}

void address_space_read(struct address_space *space, FILE *list,
                        struct vma (*as)(void *ctx, const char *name), void *ctx)
{
	struct proc_maps maps = { .file = list };
	struct mapping mapping;

	vmas_clear(&space->vmas);
	space->brk = 0;
	while (proc_maps_next(&maps, &mapping)) {
		struct vma of = vma_of(&mapping), by = as(ctx, mapping.name), vma;

		vma = again(&of, &by, of.begin, of.begin, of.end - of.begin);
		if (strcmp(mapping.name, "[stack]") == 0)
			vma.flags |= VMA_GROWS_DOWN;
		if (strcmp(mapping.name, "[heap]") == 0)
			space->brk = vma.end;
		vmas_put(&space->vmas, &vma);
	}
	proc_maps_deinit(&maps);
}

struct comparison {
	struct address_space *space;
	void (*tell)(void *ctx, enum difference, const struct vma *listed);
	void *ctx;
	size_t count;
	taddr_t at; /* up to here all is compared */
};

/* listed: NULL, or what the range is a part of. */
static void differ(struct comparison *comparison, enum difference what, taddr_t begin,
                   taddr_t end, const struct vma *listed)
{
	struct vma none = { 0 }, part = { .begin = begin, .end = end };

	comparison->count++;
	if (listed)
		part = again(listed, &none, begin, begin, end - begin);
	if (comparison->tell)
		comparison->tell(comparison->ctx, what, &part);
}

static bool is_same(struct vma *ours, const struct vma *theirs, taddr_t at)
{
	if (ours->prot != theirs->prot || (ours->flags ^ theirs->flags) & ~VMA_GROWS_DOWN)
		return false;
	if (!(ours->flags & VMA_FILE))
		return true;
	if (!ours->inode)
		ours->inode = theirs->inode;
	return ours->inode == theirs->inode &&
	       ours->offset + (at - ours->begin) == theirs->offset + (at - theirs->begin);
}

/* What is ours and ends before theirs begin. */
static void skip_extra(struct comparison *comparison, taddr_t end)
{
	struct vma *ours;

	while (comparison->at < end &&
	       (ours = vmas_next(&comparison->space->vmas, comparison->at)) && ours->begin < end) {
		taddr_t from = ours->begin > comparison->at ? ours->begin : comparison->at;

		comparison->at = ours->end < end ? ours->end : end;
		differ(comparison, VMA_EXTRA, from, comparison->at, NULL);
	}
	comparison->at = end;
}

/* The kernel extends a stack when it is touched below, with room left to its neighbour. */
static void grow_down(struct comparison *comparison, const struct vma *theirs)
{
	struct vma *ours = vmas_next(&comparison->space->vmas, theirs->begin);

	if (ours && ours->flags & VMA_GROWS_DOWN && ours->begin > theirs->begin &&
	    ours->begin < theirs->end)
		ours->begin = theirs->begin;
}

static void compare_with(struct comparison *comparison, const struct vma *theirs)
{
	grow_down(comparison, theirs);
	skip_extra(comparison, theirs->begin);
	while (comparison->at < theirs->end) {
		struct vma *ours = vmas_next(&comparison->space->vmas, comparison->at);
		taddr_t from = comparison->at, begin = ours ? ours->begin : theirs->end;
		bool missing = begin > from;
		taddr_t end = missing ? begin : ours->end;

		comparison->at = end < theirs->end ? end : theirs->end;
		if (missing)
			differ(comparison, VMA_MISSING, from, comparison->at, theirs);
		else if (!is_same(ours, theirs, from))
			differ(comparison, VMA_OTHER, from, comparison->at, theirs);
	}
}

size_t address_space_compare(struct address_space *space, FILE *list,
                             void (*tell)(void *, enum difference, const struct vma *), void *ctx)
{
	struct comparison comparison = { .space = space, .tell = tell, .ctx = ctx };
	struct proc_maps maps = { .file = list };
	struct mapping mapping;

	while (proc_maps_next(&maps, &mapping)) {
		struct vma theirs = vma_of(&mapping);

		compare_with(&comparison, &theirs);
	}
	proc_maps_deinit(&maps);
	skip_extra(&comparison, UINT64_MAX);
	return comparison.count;
}

void address_space_deinit(struct address_space *space)
{
	vmas_clear(&space->vmas);
	*space = (struct address_space){ 0 };
}
