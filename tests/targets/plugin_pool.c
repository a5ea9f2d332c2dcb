/* A plugin with an allocator of its own: nobody but who asks the plugin for its
 * malloc gets it. */
#include <stddef.h>
#include <string.h>

static _Alignas(16) char pool[1 << 20];
static size_t used;

__attribute__((noipa)) void *malloc(size_t size)
{
	size_t at = used;

	used += (size + 15) & ~(size_t)15;
	return used <= sizeof(pool) ? pool + at : NULL;
}

__attribute__((noipa)) void free(void *at)
{
	__asm__ volatile("" : : "r"(at) : "memory");
}

__attribute__((noipa)) void *calloc(size_t count, size_t each)
{
	size_t at = used;

	used += (count * each + 15) & ~(size_t)15;
	return used <= sizeof(pool) ? memset(pool + at, 0, count * each) : NULL;
}
