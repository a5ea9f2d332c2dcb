/* The program's malloc family stands before libc's own, "Replacing malloc" in the manual
 * of the GNU C library, and for the libraries too: none of a thousand places can forget
 * to count. It is libc's that does the work. */
#include "shortage.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

static unsigned long count;

unsigned long shortage_count(void)
{
	return count;
}

bool shortage_close(FILE *stream)
{
	bool whole = !ferror(stream);

	return fclose(stream) == 0 && whole;
}

#ifndef __SANITIZE_ADDRESS__ /* which has a family of its own */
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
void __libc_free(void *);

static void *checked(void *got)
{
	count += !got;
	return got;
}

/* Weak: linked statically, libc's own are the only ones. */
#define STANDS_BEFORE __attribute__((weak))

STANDS_BEFORE void *malloc(size_t size)
{
	return checked(__libc_malloc(size));
}

STANDS_BEFORE void *calloc(size_t n, size_t size)
{
	return checked(__libc_calloc(n, size));
}

STANDS_BEFORE void *realloc(void *block, size_t size)
{
	void *moved = __libc_realloc(block, size);

	return size ? checked(moved) : moved;
}

STANDS_BEFORE void free(void *block)
{
	__libc_free(block);
}

STANDS_BEFORE void *memalign(size_t alignment, size_t size)
{
	return checked(__libc_memalign(alignment, size));
}

STANDS_BEFORE void *aligned_alloc(size_t alignment, size_t size)
{
	return memalign(alignment, size);
}

STANDS_BEFORE int posix_memalign(void **out, size_t alignment, size_t size)
{
	void *block;

	if (alignment % sizeof(void *) || !alignment || (alignment & (alignment - 1)))
		return EINVAL;
	block = memalign(alignment, size);
	if (!block)
		return ENOMEM;
	*out = block;
	return 0;
}
#endif
