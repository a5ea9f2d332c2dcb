/* The functions an allocator has beside the standard's, in every size and failing: what its
 * source file names. "idle": none of it, which leaves what others in the process allocate.
 * "wait": the same, until its input ends. */
#ifndef OWN_API_H
#define OWN_API_H

#include "truth.h"

static const size_t sizes[] = { 1, 8, 24, 100, 1000, 1024, 4097, 16385, 65536, 300000, 5000000 };
enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };

/* A size that is not to be had, and that the compiler does not know. */
static volatile size_t too_much = SIZE_MAX / 4;

/* Each size allocated, written to at both ends, and every other one given back. */
static unused void take_all(struct block (*take)(size_t), void (*give_back)(struct block))
{
	for (int i = 0; i < SIZES; i++) {
		struct block block = take(sizes[i]);

		((char *)block.at)[0] = 'a';
		((char *)block.at)[block.size - 1] = 'z';
		if (i % 2)
			give_back(block);
	}
}

/* Up, down, and, where that can fail, too far: then the old one is given back. */
static unused void resize_all(struct block block, struct block (*resize)(struct block, size_t),
                              void (*give_back)(struct block), bool fails)
{
	for (int i = 0; i < SIZES; i++)
		block = resize(block, sizes[i]);
	block = resize(block, sizes[2]);
	if (fails)
		block = resize(block, too_much);
	give_back(block);
}

#define RESIZER(name, id, call)                                                          \
	MARKER(name);                                                                    \
	static noipa struct block name(struct block old, size_t size)                    \
	{                                                                                \
		return retook(&name##_marker, id, old, call, size);                      \
	}

#define GIVER(name, id, call)                                                            \
	static noipa void name(struct block block)                                       \
	{                                                                                \
		call;                                                                    \
		gave(id, block);                                                         \
	}

static void work(void);

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "wait")) {
		char byte;

		free(malloc(1)); /* calls bind names */
		say("ready\n", 0);
		return (int)read(0, &byte, 1);
	}
	if (argc < 2 || strcmp(argv[1], "idle"))
		work();
	truth_write();
	return 0;
}

#endif
