/* Twenty thousand sites of one block: the bits of a number choose the way down
 * through two call sites, so that every number has a stack of its own. */
#include "truth.h"

enum { PATHS = 20000, BITS = 15 };

ALLOCATOR(leaf, T_MALLOC, malloc(size))

static noipa void branch(unsigned path, int bits)
{
	if (!bits) {
		leaf(24);
	} else if (path & 1) {
		branch(path >> 1, bits - 1);
		__asm__ volatile("# right" ::: "memory");
	} else {
		branch(path >> 1, bits - 1);
		__asm__ volatile("# left" ::: "memory");
	}
}

int main(void)
{
	for (unsigned path = 0; path < PATHS; path++)
		branch(path, BITS);
	truth_also("paths", PATHS);
	truth_write();
	return 0;
}
