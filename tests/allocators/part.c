/* Has a malloc of its own, and one more function that hands out what free takes. Frees a block,
 * has it handed out by that one, and frees it again, which is right. */
#include <stdlib.h>
#include <string.h>

#define noipa __attribute__((noipa))
#define ROOM 4096

static _Alignas(16) char arena[256 * ROOM];
static size_t used;
static void *freed;

noipa void *take_quickly(size_t size)
{
	void *at = freed;

	freed = NULL;
	if (at || size > ROOM || used == sizeof(arena))
		return at;
	used += ROOM;
	return arena + used - ROOM;
}

noipa void *malloc(size_t size)
{
	return take_quickly(size);
}

noipa void *calloc(size_t count, size_t size)
{
	void *at = malloc(count * size);

	return at ? memset(at, 0, count * size) : NULL;
}

noipa void *realloc(void *at, size_t size)
{
	return at && size <= ROOM ? at : malloc(size);
}

noipa void free(void *at)
{
	freed = at;
}

int main(void)
{
	void *at = malloc(100);

	free(at);
	free(take_quickly(200));
	free(take_quickly(300));
	return 0;
}
