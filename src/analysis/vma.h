/* What is mapped where in the target's address space, as its system calls say: the same
 * as /proc/PID/maps, but for who made each mapping and when. Addresses and lengths are
 * whole pages. */
#ifndef VMA_H
#define VMA_H

#include <stdio.h>

#include "types.h"

enum vma_flags {
	VMA_SHARED = 1,
	VMA_FILE = 2,       /* maps shows an inode and an offset: also shared memory of no file */
	VMA_GROWS_DOWN = 4, /* the kernel extends it below when it is touched there */
	VMA_SUPPOSED = 8    /* may not be there: the kernel's list will tell */
};

struct vma {
	taddr_t begin, end;
	uint64_t offset;  /* FILE: in the file, of begin */
	uint64_t inode, dev; /* FILE: once it is known, else 0 */
	uint8_t prot;     /* PROT_READ and so on, mmap(2) */
	uint8_t flags;    /* enum vma_flags */
	uint8_t origin;   /* the caller's */
	uint32_t site;    /* the caller's */
	int tid;          /* of the thread that made it, or 0 */
	uint64_t time_ns; /* when */
	uint64_t born;    /* which call made it: pieces of one mapping have the same */
};

/* by, with all else from of, at [begin, begin + len) where of has its address at. */
struct vma vma_again(const struct vma *of, const struct vma *by, taddr_t at, taddr_t begin,
                     uint64_t len);

struct vmas { /* all zero is an empty address space */
	struct vma_node *root;
};

/* Each but the last returns false when memory ran out: the space is then as it was. */
bool vmas_put(struct vmas *, const struct vma *); /* what was there before is replaced */
bool vmas_drop(struct vmas *, taddr_t begin, taddr_t end);
/* To the first page that is not mapped, as mprotect does. */
bool vmas_protect(struct vmas *, taddr_t begin, taddr_t end, uint8_t prot);
/* What is mapped in [from, from + len) is mapped at to instead, and nothing else there. */
bool vmas_move(struct vmas *, taddr_t from, uint64_t len, taddr_t to);
bool vmas_copy(struct vmas *, const struct vmas *from); /* into an empty one */
void vmas_clear(struct vmas *);

/* The lowest that ends above addr, or NULL. Valid until the next change. */
struct vma *vmas_next(const struct vmas *, taddr_t addr);
const struct vma *vmas_at(const struct vmas *, taddr_t addr); /* or NULL */

#endif
