/* jemalloc(3); with PREFIX, of a build that has one, the standard functions too. */
#ifdef PREFIX
#define QUOTED(name) #name
#define QUOTE(name) QUOTED(name)
#define NAME(name) QUOTE(PREFIX) #name
#define JOINED(prefix, name) prefix##name
#define JOIN(prefix, name) JOINED(prefix, name)
#define J(name) JOIN(PREFIX, name)
#else
#define NAME(name) #name
#define J(name) name
#endif

#define OWN(ALLOC, FREE)                                                                 \
	ALLOC(J_MALLOCX, NAME(mallocx)) ALLOC(J_RALLOCX, NAME(rallocx))                  \
	ALLOC(J_XALLOCX, NAME(xallocx)) FREE(J_DALLOCX, NAME(dallocx))                   \
	FREE(J_SDALLOCX, NAME(sdallocx))
#ifdef PREFIX
#define TRUTH_OTHERS(ALLOC, FREE)                                                        \
	OWN(ALLOC, FREE)                                                                 \
	ALLOC(J_MALLOC, NAME(malloc)) ALLOC(J_CALLOC, NAME(calloc))                      \
	ALLOC(J_REALLOC, NAME(realloc)) ALLOC(J_ALIGNED, NAME(aligned_alloc))            \
	ALLOC(J_POSIX, NAME(posix_memalign)) FREE(J_FREE, NAME(free))
#else
#define TRUTH_OTHERS(ALLOC, FREE) OWN(ALLOC, FREE)
#endif
#include "own_api.h"

#define ALIGN_64 6 /* MALLOCX_LG_ALIGN(6) */

void *J(mallocx)(size_t, int);
void *J(rallocx)(void *, size_t, int);
size_t J(xallocx)(void *, size_t, size_t, int);
size_t J(sallocx)(const void *, int);
size_t J(nallocx)(size_t, int);
void J(dallocx)(void *, int);
void J(sdallocx)(void *, size_t, int);

ALLOCATOR(take, J_MALLOCX, J(mallocx)(size, 0))
ALLOCATOR(take_aligned, J_MALLOCX, J(mallocx)(size, ALIGN_64))
RESIZER(resize, J_RALLOCX, J(rallocx)(old.at, size, 0))
GIVER(give_flags, J_DALLOCX, J(dallocx)(block.at, 0))
GIVER(give_sized, J_SDALLOCX, J(sdallocx)(block.at, block.size, 0))
GIVER(give_aligned, J_SDALLOCX, J(sdallocx)(block.at, block.size, ALIGN_64))

/* Tells a size; the block stays where it is, and what it was when that is too small. */
RESIZER(resize_there, J_XALLOCX, J(xallocx)(old.at, size, 0, 0) >= size ? old.at : NULL)
RESIZER(resize_if_more, J_XALLOCX, J(xallocx)(old.at, size, 100000, 0) >= size ? old.at : NULL)

static void resize_in_place(void)
{
	struct block block = take(100000);

	block = resize_there(block, 90000);
	block = resize_there(block, 95000);
	block = resize_if_more(block, 97000);
	block = resize_there(block, 80000000);
	block = resize_there(take(10), J(sallocx)(block.at, 0) > 0 ? 12 : 0);
	block = resize_there(block, J(nallocx)(5000, 0));
	give_flags(block);
}

#ifdef PREFIX
void *J(malloc)(size_t);
void *J(calloc)(size_t, size_t);
void *J(realloc)(void *, size_t);
void *J(aligned_alloc)(size_t, size_t);
int J(posix_memalign)(void **, size_t, size_t);
void J(free)(void *);

static void *by_posix_memalign(size_t size)
{
	void *at = NULL;

	return J(posix_memalign)(&at, 64, size) ? NULL : at;
}

ALLOCATOR(take_plain, J_MALLOC, J(malloc)(size))
ALLOCATOR(take_zeroed, J_CALLOC, J(calloc)(1, size))
ALLOCATOR(take_aligned_plain, J_ALIGNED, J(aligned_alloc)(64, size))
ALLOCATOR(take_posix, J_POSIX, by_posix_memalign(size))
RESIZER(resize_plain, J_REALLOC, J(realloc)(old.at, size))
GIVER(give_plain, J_FREE, J(free)(block.at))

static void standard(void)
{
	take_all(take_plain, give_plain);
	take_all(take_zeroed, give_plain);
	take_all(take_aligned_plain, give_plain);
	take_all(take_posix, give_plain);
	resize_all(no_block, resize_plain, give_plain, true);
	take_plain(too_much);
	give_plain(no_block);
}
#else
static void standard(void)
{
}
#endif

/* The C library's beside it, or by it. */
ALLOCATOR(take_beside, T_MALLOC, malloc(size))

static void work(void)
{
	take_all(take, give_flags);
	take_all(take, give_sized);
	take_all(take_aligned, give_aligned);
	resize_all(take(5), resize, give_flags, true);
	resize_in_place();
	take(too_much);
	take_all(take_beside, give);
	standard();
}
