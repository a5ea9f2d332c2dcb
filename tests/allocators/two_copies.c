/* Two libraries, each with an allocator of its own under the same names, and libc's. */
#define TRUTH_OTHERS(ALLOC, FREE) ALLOC(JE_MALLOC, "je_malloc") FREE(JE_FREE, "je_free")
#include "own_api.h"

void *one_take(size_t);
void one_give(void *);
void *other_take(size_t);
void other_give(void *);

static long ones, others;

ALLOCATOR(take_one, JE_MALLOC, (ones++, one_take(size)))
ALLOCATOR(take_other, JE_MALLOC, (others++, other_take(size)))
ALLOCATOR(take_plain, T_MALLOC, malloc(size))
GIVER(give_one, JE_FREE, one_give(block.at))
GIVER(give_other, JE_FREE, other_give(block.at))

static void work(void)
{
	take_all(take_one, give_one);
	take_all(take_other, give_other);
	take_all(take_other, give_other);
	take_all(take_plain, give);
	truth_also("one", ones);
	truth_also("other", others);
}
