#include "trial.h"

#include <sys/mman.h>

#define ALIGNMENT(size) ((size) < 16 ? 8 : 16)
#define LOWEST 0x10000 /* vm.mmap_min_addr, and more than any small number */
#define HIGHEST (UINT64_C(1) << 56) /* with five levels of page tables */
#define ODD_MAX 1 /* calls for which the program may be at fault, whatever others do */

bool trial_count(struct trial *trial, enum fit fit)
{
	uint32_t *const counts[] = {
		[FIT_YES] = &trial->fitted, [FIT_UNKNOWN] = &trial->unknown,
		[FIT_ODD] = &trial->odd,
	};

	if (trial->trust != HEAP_ON_TRIAL)
		return true;
	if (fit != FIT_NEVER)
		++*counts[fit];
	if (fit == FIT_NEVER || (trial->odd > ODD_MAX && trial->odd > trial->fitted)) {
		trial->trust = HEAP_REFUTED;
		return false;
	}
	if (trial->fitted == TRIAL_CALLS)
		trial->trust = HEAP_CONFIRMED;
	return true;
}

enum place trial_address(taddr_t addr, uint64_t size)
{
	if (addr < LOWEST || addr >= HIGHEST)
		return PLACE_NOWHERE;
	return addr % ALIGNMENT(size) ? PLACE_CROOKED : PLACE_HEAP;
}

static enum place place_in(const struct vma *vma)
{
	if ((vma->prot & (PROT_READ | PROT_WRITE)) != (PROT_READ | PROT_WRITE))
		return PLACE_LOCKED;
	if (vma->flags & VMA_GROWS_DOWN)
		return PLACE_STACK;
	return vma->flags & VMA_FILE ? PLACE_FILE : PLACE_HEAP;
}

enum place trial_place(const struct vmas *vmas, taddr_t addr, uint64_t size)
{
	enum place place = trial_address(addr, size);
	taddr_t end = addr + (size ? size : 1);
	const struct vma *vma;

	if (place == PLACE_HEAP && (end < addr || end > HIGHEST))
		place = PLACE_NOT_MAPPED;
	while (place == PLACE_HEAP && addr < end) {
		vma = vmas_at(vmas, addr);
		place = vma ? place_in(vma) : PLACE_NOT_MAPPED;
		addr = vma ? vma->end : end;
	}
	return place;
}

enum fit trial_fit(enum place place)
{
	switch (place) {
	case PLACE_HEAP:
		return FIT_YES;
	case PLACE_FILE:
	case PLACE_UNKNOWN:
		return FIT_UNKNOWN;
	case PLACE_MODULE:
	case PLACE_CROOKED:
	case PLACE_NOWHERE:
		return FIT_NEVER;
	default: /* by what is known of the maps, where something may be missing */
		return FIT_ODD;
	}
}

const char *trial_tell(enum place place)
{
	static const char *const words[] = {
		[PLACE_HEAP] = "is in use",
		[PLACE_CROOKED] = "is not aligned",
		[PLACE_NOWHERE] = "is no address",
		[PLACE_NOT_MAPPED] = "is not mapped",
		[PLACE_LOCKED] = "is not to be written",
		[PLACE_STACK] = "is on a stack",
		[PLACE_FILE] = "is in a file",
		[PLACE_MODULE] = "is in the program itself",
		[PLACE_UNKNOWN] = "is not known",
	};

	return words[place];
}
