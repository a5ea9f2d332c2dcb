/* Preloaded: puts a header in front of every block, and a note in a block of its own beside it,
 * as libraries that count or check do. Its free gives two others back, none of them its own. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

struct header {
	void *note;
	size_t size;
};

static void *(*real_malloc)(size_t);
static void *(*real_realloc)(void *, size_t);
static void (*real_free)(void *);
static long live;

static void *find(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

static void *handed_out(struct header *header, size_t size)
{
	if (!header)
		return NULL;
	header->size = size;
	return header + 1;
}

void *malloc(size_t size)
{
	struct header *header;

	if (!real_malloc) {
		real_realloc = find("realloc");
		real_free = find("free");
		real_malloc = find("malloc");
	}
	header = real_malloc(sizeof(*header) + size);
	if (header)
		header->note = real_malloc(8);
	__atomic_fetch_add(&live, 1, __ATOMIC_RELAXED);
	return handed_out(header, size);
}

void *calloc(size_t count, size_t each)
{
	void *at = malloc(count * each);

	return at ? memset(at, 0, count * each) : NULL;
}

void *realloc(void *old, size_t size)
{
	return old ? handed_out(real_realloc((struct header *)old - 1,
	                                     sizeof(struct header) + size), size) :
	             malloc(size);
}

void free(void *at)
{
	struct header *header = (struct header *)at - 1;

	if (!at)
		return;
	real_free(header->note);
	real_free(header);
	__atomic_fetch_sub(&live, 1, __ATOMIC_RELAXED);
}
