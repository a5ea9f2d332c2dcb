/* mimalloc.h: each function by the way it is called, and whether it may fail. */
#define ALLOCS(X, A)                                                                     \
	X(A, malloc, (size), true)                                                       \
	X(A, heap_malloc, (HEAP, size), true)                                            \
	X(A, malloc_aligned, (size, 64), true)                                           \
	X(A, heap_malloc_aligned, (HEAP, size, 64), true)                                \
	X(A, malloc_aligned_at, (size, 64, 16), true)                                    \
	X(A, heap_malloc_aligned_at, (HEAP, size, 64, 16), true)                         \
	X(A, zalloc, (size), true)                                                       \
	X(A, heap_zalloc, (HEAP, size), true)                                            \
	X(A, zalloc_aligned, (size, 64), true)                                           \
	X(A, heap_zalloc_aligned, (HEAP, size, 64), true)                                \
	X(A, zalloc_aligned_at, (size, 64, 16), true)                                    \
	X(A, heap_zalloc_aligned_at, (HEAP, size, 64, 16), true)                         \
	X(A, calloc, (1, size), true)                                                    \
	X(A, heap_calloc, (HEAP, 1, size), true)                                         \
	X(A, calloc_aligned, (1, size, 64), true)                                        \
	X(A, heap_calloc_aligned, (HEAP, 1, size, 64), true)                             \
	X(A, calloc_aligned_at, (1, size, 64, 0), true)                                  \
	X(A, heap_calloc_aligned_at, (HEAP, 1, size, 64, 0), true)                       \
	X(A, mallocn, (1, size), true)                                                   \
	X(A, heap_mallocn, (HEAP, 1, size), true)                                        \
	X(A, new, (size), false)                                                         \
	X(A, new_nothrow, (size), true)                                                  \
	X(A, new_aligned, (size, 64), false)                                             \
	X(A, new_aligned_nothrow, (size, 64), true)                                      \
	X(A, new_n, (1, size), false)                                                    \
	X(A, memalign, (64, size), true)                                                 \
	X(A, aligned_alloc, (64, size), true)                                            \
	X(A, valloc, (size), true)                                                       \
	X(A, pvalloc, (size), true)                                                      \
	X(A, heap_alloc_new, (HEAP, size), false)                                        \
	X(A, heap_alloc_new_n, (HEAP, 1, size), false)
#define REALLOCS(X, A)                                                                   \
	X(A, realloc, (old.at, size), true)                                              \
	X(A, heap_realloc, (HEAP, old.at, size), true)                                   \
	X(A, realloc_aligned, (old.at, size, 64), true)                                  \
	X(A, heap_realloc_aligned, (HEAP, old.at, size, 64), true)                       \
	X(A, realloc_aligned_at, (old.at, size, 64, 0), true)                            \
	X(A, heap_realloc_aligned_at, (HEAP, old.at, size, 64, 0), true)                 \
	X(A, rezalloc, (old.at, size), true)                                             \
	X(A, heap_rezalloc, (HEAP, old.at, size), true)                                  \
	X(A, rezalloc_aligned, (old.at, size, 64), true)                                 \
	X(A, heap_rezalloc_aligned, (HEAP, old.at, size, 64), true)                      \
	X(A, rezalloc_aligned_at, (old.at, size, 64, 0), true)                           \
	X(A, heap_rezalloc_aligned_at, (HEAP, old.at, size, 64, 0), true)                \
	X(A, recalloc, (old.at, 1, size), true)                                          \
	X(A, heap_recalloc, (HEAP, old.at, 1, size), true)                               \
	X(A, recalloc_aligned, (old.at, 1, size, 64), true)                              \
	X(A, heap_recalloc_aligned, (HEAP, old.at, 1, size, 64), true)                   \
	X(A, recalloc_aligned_at, (old.at, 1, size, 64, 0), true)                        \
	X(A, heap_recalloc_aligned_at, (HEAP, old.at, 1, size, 64, 0), true)             \
	X(A, reallocn, (old.at, 1, size), true)                                          \
	X(A, heap_reallocn, (HEAP, old.at, 1, size), true)                               \
	X(A, reallocarray, (old.at, 1, size), true)                                      \
	X(A, aligned_recalloc, (old.at, 1, size, 64), true)                              \
	X(A, new_realloc, (old.at, size), false)                                         \
	X(A, new_reallocn, (old.at, 1, size), false)

#define ID_OF(A, name, arguments, fails) A(MI_##name, "mi_" #name)
#define TRUTH_OTHERS(ALLOC, FREE)                                                        \
	ALLOCS(ID_OF, ALLOC) REALLOCS(ID_OF, ALLOC)                                      \
	ALLOC(MI_reallocf, "mi_reallocf") ALLOC(MI_expand, "mi_expand")                  \
	ALLOC(MI_strdup, "mi_strdup") ALLOC(MI_strndup, "mi_strndup")                    \
	ALLOC(MI_heap_strdup, "mi_heap_strdup")                                          \
	ALLOC(MI_posix, "mi_posix_memalign") ALLOC(MI_small, "mi_malloc_small")          \
	FREE(MI_free, "mi_free") FREE(MI_free_aligned, "mi_free_aligned")
#include "own_api.h"

#include <mimalloc.h>

#define HEAP mi_heap_get_default()

#define TAKE(A, name, arguments, fails) ALLOCATOR(take_##name, MI_##name, mi_##name arguments)
#define RESIZE(A, name, arguments, fails) \
	RESIZER(resize_##name, MI_##name, mi_##name arguments)
ALLOCS(TAKE, )
REALLOCS(RESIZE, )

GIVER(give_back, MI_free, mi_free(block.at))
GIVER(give_aligned, MI_free_aligned, mi_free_aligned(block.at, 64))
ALLOCATOR(take_small, MI_small, mi_malloc_small(size))

static void *by_posix_memalign(size_t size)
{
	void *at = NULL;

	return mi_posix_memalign(&at, 64, size) ? NULL : at;
}

ALLOCATOR(take_posix, MI_posix, by_posix_memalign(size))
RESIZER(expand, MI_expand, mi_expand(old.at, size))

/* The old block is gone also when there is no new one. */
MARKER(resize_or_free);
static noipa struct block resize_or_free(struct block old, size_t size)
{
	void *at = truth_keep(mi_reallocf(old.at, size));

	truth_gone(old);
	return took(&resize_or_free_marker, MI_reallocf, at, size);
}

/* Strings that end where a page does, too. */
static char text[5000];

static const char *text_of(size_t size)
{
	memset(text, 'x', size - 1);
	text[size - 1] = 0;
	return text;
}

ALLOCATOR(copy, MI_strdup, mi_strdup(text_of(size)))
ALLOCATOR(copy_in, MI_heap_strdup, mi_heap_strdup(HEAP, text_of(size)))
ALLOCATOR(copy_part, MI_strndup, mi_strndup(text_of(size + 10), size - 1))
ALLOCATOR(copy_less, MI_strndup, mi_strndup(text_of(size), size + 10))

static void copy_strings(void)
{
	for (size_t size = 1; size < 4900; size = size * 3 / 2 + 1) {
		give_back(copy(size));
		copy_in(size);
		copy_part(size);
		give_back(copy_less(size));
	}
}

static void work(void)
{
#define TAKE_ALL(A, name, arguments, fails)          \
	take_all(take_##name, give_back);            \
	if (fails)                                   \
		take_##name(too_much);
#define RESIZE_ALL(A, name, arguments, fails) \
	resize_all(take_zalloc(3), resize_##name, give_back, fails);
	ALLOCS(TAKE_ALL, )
	REALLOCS(RESIZE_ALL, )
	copy_strings();
	take_all(take_posix, give_aligned);
	give_back(take_small(100));
	give_back(no_block);
	give_back(resize_or_free(take_malloc(10), 300));
	resize_or_free(take_malloc(10), too_much);
	give_back(expand(expand(take_malloc(1000), 900), 100000));
}
