/* Blocks of every size by every function of the family, some moved, shrunk and given back, and
 * what those that are left are worth by the allocator's own word. "wait": asked for a line before
 * the end. "idle": there are none. */
#include "truth.h"

#include <malloc.h>

enum { BLOCKS = 4000 };

static struct block blocks[BLOCKS];
static unsigned count;

static void *by_posix_memalign(size_t size)
{
	void *at = NULL;

	return posix_memalign(&at, 256, size) ? NULL : at;
}

ALLOCATOR(take, T_MALLOC, malloc(size))
ALLOCATOR(take_zeroed, T_CALLOC, calloc(1, size))
ALLOCATOR(take_aligned, T_POSIX_MEMALIGN, by_posix_memalign(size))
ALLOCATOR(take_page, T_VALLOC, valloc(size))
ALLOCATOR(take_pages, T_PVALLOC, pvalloc(size))

MARKER(resize);
static noipa struct block resize(struct block old, size_t size)
{
	return retook(&resize_marker, T_REALLOC, old, realloc(old.at, size), size);
}

static struct block (*const allocators[])(size_t) = {
	take, take_zeroed, take_aligned, take_page, take_pages,
};
enum { ALLOCATORS = sizeof(allocators) / sizeof(allocators[0]) };

static void work(void)
{
	for (size_t size = 0; size < 3000000; size = size * 5 / 4 + 1)
		for (int i = 0; i < ALLOCATORS; i++) {
			blocks[count++] = allocators[i](size);
			blocks[count++] = allocators[i](size + 8);
			give(allocators[i](size));
		}
	for (unsigned i = 0; i < count; i += 3)
		blocks[i] = resize(blocks[i], blocks[i].size / 2 + 40);
	for (unsigned i = 0; i < count; i += 4) {
		give(blocks[i]);
		blocks[i] = no_block;
	}
	blocks[count++] = take(20);
	blocks[count++] = take(90);
}

static long worth(void)
{
	long bytes = 0;

	for (unsigned i = 0; i < count; i++)
		bytes += (long)malloc_usable_size(blocks[i].at);
	return bytes;
}

int main(int argc, char **argv)
{
	char line;

	if (argc < 2 || strcmp(argv[1], "idle"))
		work();
	truth_also("usable", worth());
	truth_write();
	if (argc > 1 && !strcmp(argv[1], "wait")) {
		say("ready\n", 0);
		if (read(0, &line, 1) < 0)
			abort();
	}
	return 0;
}
