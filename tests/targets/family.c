/* Every function of the glibc family: small, large and mapped blocks, half of
 * them freed, half of them left. */
#include "truth.h"

#include <malloc.h>

static char text[300000];

/* A string that takes size bytes with its end. */
static const char *text_of(size_t size)
{
	return text + sizeof(text) - size;
}

static void *posix_memalign_of(size_t size)
{
	void *at = NULL;

	return posix_memalign(&at, 256, size) ? NULL : at;
}

ALLOCATOR(leak_malloc, T_MALLOC, malloc(size))
ALLOCATOR(leak_calloc, T_CALLOC, calloc(1, size))
ALLOCATOR(leak_calloc_many, T_CALLOC, calloc(size, 1))
ALLOCATOR(leak_realloc, T_REALLOC, realloc(NULL, size))
ALLOCATOR(leak_reallocarray, T_REALLOCARRAY, reallocarray(NULL, size, 1))
ALLOCATOR(leak_memalign, T_MEMALIGN, memalign(64, size))
ALLOCATOR(leak_posix_memalign, T_POSIX_MEMALIGN, posix_memalign_of(size))
ALLOCATOR(leak_aligned_alloc, T_ALIGNED_ALLOC, aligned_alloc(4096, size))
ALLOCATOR(leak_valloc, T_VALLOC, valloc(size))
#ifdef __GLIBC__
ALLOCATOR(leak_pvalloc, T_PVALLOC, pvalloc(size))
#endif
ALLOCATOR(leak_strdup, T_STRDUP, strdup(text_of(size)))
ALLOCATOR(leak_strndup, T_STRNDUP, strndup(text, size - 1))

static struct block (*const allocators[])(size_t) = {
	leak_malloc,   leak_calloc,         leak_calloc_many,   leak_realloc, leak_reallocarray,
	leak_memalign, leak_posix_memalign, leak_aligned_alloc, leak_valloc,
	leak_strdup,   leak_strndup,
#ifdef __GLIBC__
	leak_pvalloc,
#endif
};

static const size_t sizes[] = { 1, 7, 24, 25, 100, 1000, 1033, 5000, 40000, 200001 };

static void take_all_give_half(struct block (*take)(size_t))
{
	enum { COUNT = sizeof(sizes) / sizeof(sizes[0]) };
	struct block blocks[COUNT];

	for (int i = 0; i < COUNT; i++)
		blocks[i] = take(sizes[i]);
	for (int i = 0; i < COUNT; i += 2)
		give(blocks[i]);
}

ALLOCATOR(leak_nothing, T_MALLOC, malloc(size))
ALLOCATOR(leak_nothing_zeroed, T_CALLOC, calloc(size, 8))
ALLOCATOR(leak_nothing_resized, T_REALLOC, realloc(NULL, size))

static void take_empty_blocks(void)
{
	leak_nothing(0);
	give(leak_nothing(0));
	leak_nothing_zeroed(0);
	leak_nothing_resized(0);
}

static void give_nothing(int times)
{
	while (times--)
		give(no_block);
}

int main(void)
{
	memset(text, 'x', sizeof(text) - 1);
	for (size_t i = 0; i < sizeof(allocators) / sizeof(allocators[0]); i++)
		take_all_give_half(allocators[i]);
	take_empty_blocks();
	give_nothing(5);
	/* One entry point with two names cannot be told apart from outside. */
	truth_also("aligned_alloc_is_memalign",
	           truth_keep((void *)aligned_alloc) == truth_keep((void *)memalign));
	truth_write();
	return 0;
}
