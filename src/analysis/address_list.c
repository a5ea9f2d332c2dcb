/* An address space and the kernel's own list of it, proc(5). */
#include <string.h>

#include "address_space.h"
#include "proc_maps.h"

static struct vma vma_of(const struct mapping *mapping)
{
	bool file = mapping->inode || *mapping->name == '/'; /* shmget(2) counts from 0 */

	return (struct vma){
		.begin = mapping->begin, .end = mapping->end, .offset = mapping->offset,
		.inode = mapping->inode, .dev = mapping->dev, .prot = mapping->prot,
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
		struct vma of = vma_of(&mapping), by = as(ctx, mapping.name);
		struct vma vma = vma_again(&of, &by, of.begin, of.begin, of.end - of.begin);

		if (strcmp(mapping.name, "[stack]") == 0)
			vma.flags |= VMA_GROWS_DOWN;
		if (strcmp(mapping.name, "[heap]") == 0)
			space->brk = vma.end;
		vmas_put(&space->vmas, &vma);
	}
	proc_maps_deinit(&maps);
}

/* ---- held against it ------------------------------------------------------------------------ */

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
		part = vma_again(listed, &none, begin, begin, end - begin);
	if (comparison->tell)
		comparison->tell(comparison->ctx, what, &part);
}

static bool is_same(struct vma *ours, const struct vma *theirs, taddr_t at)
{
	if (ours->prot != theirs->prot ||
	    (ours->flags ^ theirs->flags) & ~(VMA_GROWS_DOWN | VMA_SUPPOSED))
		return false;
	if (!(ours->flags & VMA_FILE))
		return true;
	if (!ours->inode) {
		ours->inode = theirs->inode;
		ours->dev = theirs->dev;
	}
	return ours->inode == theirs->inode && ours->dev == theirs->dev &&
	       ours->offset + (at - ours->begin) == theirs->offset + (at - theirs->begin);
}

/* It is there, and one with its neighbours. */
static void confirm(struct address_space *space, struct vma *ours)
{
	ours->flags &= ~VMA_SUPPOSED;
	vmas_protect(&space->vmas, ours->begin, ours->end, ours->prot);
}

/* What is ours and ends before theirs begin. */
static void skip_extra(struct comparison *comparison, taddr_t end)
{
	struct vma *ours;

	while (comparison->at < end &&
	       (ours = vmas_next(&comparison->space->vmas, comparison->at)) && ours->begin < end) {
		taddr_t from = ours->begin > comparison->at ? ours->begin : comparison->at;

		comparison->at = ours->end < end ? ours->end : end;
		if (ours->flags & VMA_SUPPOSED)
			vmas_drop(&comparison->space->vmas, from, comparison->at);
		else
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
		else if (ours->flags & VMA_SUPPOSED)
			confirm(comparison->space, ours);
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
