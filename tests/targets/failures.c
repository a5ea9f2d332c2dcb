/* Calls that must fail, each beside one that succeeds. */
#include "truth.h"

#include <errno.h>
#include <malloc.h>

#define HUGE_SIZE ((size_t)PTRDIFF_MAX)

static void *posix_memalign_of(size_t alignment, size_t size)
{
	void *at = NULL;
	int error = posix_memalign(&at, alignment, size);

	if (error != (alignment % sizeof(void *) ? EINVAL : size == HUGE_SIZE ? ENOMEM : 0))
		abort();
	return error ? NULL : at;
}

ALLOCATOR(fail_malloc, T_MALLOC, malloc(size))
ALLOCATOR(fail_calloc, T_CALLOC, calloc(size, size > 100 ? 3 : 1))
ALLOCATOR(fail_reallocarray, T_REALLOCARRAY, reallocarray(NULL, size, size > 100 ? 3 : 1))
ALLOCATOR(fail_realloc, T_REALLOC, realloc(NULL, size))
ALLOCATOR(fail_memalign, T_MEMALIGN, memalign(64, size))
ALLOCATOR(fail_aligned_alloc, T_ALIGNED_ALLOC, aligned_alloc(64, size))
ALLOCATOR(fail_valloc, T_VALLOC, valloc(size))
ALLOCATOR(fail_pvalloc, T_PVALLOC, pvalloc(size))
ALLOCATOR(fail_posix_memalign, T_POSIX_MEMALIGN, posix_memalign_of(64, size))
ALLOCATOR(fail_posix_memalign_odd, T_POSIX_MEMALIGN, posix_memalign_of(size < 50 ? 64 : 20, size))

static struct block (*const allocators[])(size_t) = {
	fail_malloc,  fail_calloc,        fail_reallocarray, fail_realloc,
	fail_memalign, fail_aligned_alloc, fail_valloc,       fail_pvalloc,
	fail_posix_memalign, fail_posix_memalign_odd,
};

int main(void)
{
	for (size_t i = 0; i < sizeof(allocators) / sizeof(allocators[0]); i++) {
		if (!allocators[i](40).at || allocators[i](HUGE_SIZE).at)
			return 1;
	}
	truth_also("aligned_alloc_is_memalign",
	           truth_keep((void *)aligned_alloc) == truth_keep((void *)memalign));
	truth_write();
	return 0;
}
