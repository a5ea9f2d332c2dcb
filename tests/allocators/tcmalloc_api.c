/* gperftools/tcmalloc.h */
#define TRUTH_OTHERS(ALLOC, FREE)                                                        \
	ALLOC(TC_SKIP, "tc_malloc_skip_new_handler") ALLOC(TC_MALLOC, "tc_malloc")       \
	ALLOC(TC_CALLOC, "tc_calloc") ALLOC(TC_REALLOC, "tc_realloc")                    \
	ALLOC(TC_MEMALIGN, "tc_memalign") ALLOC(TC_POSIX, "tc_posix_memalign")           \
	ALLOC(TC_VALLOC, "tc_valloc") ALLOC(TC_NEW, "tc_new")                            \
	ALLOC(TC_VEC_N, "tc_newarray_nothrow") FREE(TC_FREE, "tc_free")                  \
	FREE(TC_FREE_SIZED, "tc_free_sized") FREE(TC_DELETE, "tc_delete")
#include "own_api.h"

void *tc_malloc_skip_new_handler(size_t);
void *tc_malloc(size_t);
void *tc_calloc(size_t, size_t);
void *tc_realloc(void *, size_t);
void *tc_memalign(size_t, size_t);
int tc_posix_memalign(void **, size_t, size_t);
void *tc_valloc(size_t);
void *tc_new(size_t);
void *tc_newarray_nothrow(size_t, const void *);
void tc_free(void *);
void tc_free_sized(void *, size_t);
void tc_delete(void *);

static void *by_posix_memalign(size_t size)
{
	void *at = NULL;

	return tc_posix_memalign(&at, 64, size) ? NULL : at;
}

ALLOCATOR(take_skip, TC_SKIP, tc_malloc_skip_new_handler(size))
ALLOCATOR(take, TC_MALLOC, tc_malloc(size))
ALLOCATOR(take_zeroed, TC_CALLOC, tc_calloc(1, size))
ALLOCATOR(take_aligned, TC_MEMALIGN, tc_memalign(64, size))
ALLOCATOR(take_posix, TC_POSIX, by_posix_memalign(size))
ALLOCATOR(take_pages, TC_VALLOC, tc_valloc(size))
ALLOCATOR(take_new, TC_NEW, tc_new(size))
ALLOCATOR(take_array, TC_VEC_N, tc_newarray_nothrow(size, ""))
RESIZER(resize, TC_REALLOC, tc_realloc(old.at, size))
GIVER(give_back, TC_FREE, tc_free(block.at))
GIVER(give_sized, TC_FREE_SIZED, tc_free_sized(block.at, block.size))
GIVER(give_delete, TC_DELETE, tc_delete(block.at))

static void work(void)
{
	take_all(take_skip, give_back);
	take_all(take, give_back);
	take_all(take_zeroed, give_sized);
	take_all(take_aligned, give_back);
	take_all(take_posix, give_back);
	take_all(take_pages, give_back);
	take_all(take_new, give_delete);
	take_all(take_array, give_delete);
	resize_all(no_block, resize, give_back, true);
	take(too_much);
	give_back(no_block);
}
