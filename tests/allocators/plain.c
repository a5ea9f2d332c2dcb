/* The standard functions, as a library in front of libc's has them. */
#include "own_api.h"

ALLOCATOR(take, T_MALLOC, malloc(size))
ALLOCATOR(take_zeroed, T_CALLOC, calloc(1, size))
RESIZER(resize, T_REALLOC, realloc(old.at, size))

static void work(void)
{
	for (int i = 0; i < 20; i++) {
		take_all(take, give);
		take_all(take_zeroed, give);
		give(take(5)); /* one after the other, from the same place in the stack */
		give(take(6));
	}
	resize_all(no_block, resize, give, true);
	give(no_block);
}
