/* realloc and reallocarray in all their cases. */
#include "truth.h"

#include <stdint.h>

MARKER(grow);
static noipa struct block grow(struct block old, size_t size)
{
	return retook(&grow_marker, T_REALLOC, old, realloc(old.at, size), size);
}

MARKER(grow_array);
static noipa struct block grow_array(struct block old, size_t count, size_t each)
{
	return retook(&grow_array_marker, T_REALLOCARRAY, old, reallocarray(old.at, count, each),
	              count * each);
}

ALLOCATOR(take, T_MALLOC, malloc(size))

static long moved, stayed;

static struct block grow_and_look(struct block old, size_t size)
{
	struct block new = grow(old, size);

	*(new.at == old.at ? &stayed : &moved) += 1;
	return new;
}

static void grow_at_the_top_stays(void)
{
	struct block block = grow(no_block, 2000);

	for (size_t size = 3000; size < 20000; size += 1000)
		block = grow_and_look(block, size);
}

static void grow_between_neighbours_moves(void)
{
	struct block block = take(500);

	for (size_t size = 1500; size < 30000; size *= 2) {
		take(40);
		block = grow_and_look(block, size);
	}
	give(block);
}

static void shrink_stays(void)
{
	struct block block = take(9000);

	for (size_t size = 8000; size > 8; size /= 2)
		block = grow_and_look(block, size);
}

static void mapped_blocks_grow_and_come_home(void)
{
	struct block block = take(300000);

	block = grow_and_look(block, 900000);
	block = grow_and_look(block, 250000);
	block = grow_and_look(block, 100);
	give(block);
}

static void to_nothing_frees(void)
{
	grow(take(77), 0);
	grow_array(take(88), 0, 16);
	grow_array(take(99), 16, 0);
}

static void failed_keeps_the_old_block(void)
{
	struct block block = take(123);

	memset(block.at, 'k', 123);
	block = grow(block, PTRDIFF_MAX);
	block = grow(block, SIZE_MAX);
	/* reallocarray's product overflows: stated by hand, there is no size. */
	if (reallocarray(block.at, (size_t)truth_keep((void *)(SIZE_MAX / 2)), 3))
		abort();
	truth_add(&truth_functions[T_REALLOCARRAY].calls, 1);
	truth_add(&truth_functions[T_REALLOCARRAY].failed, 1);
	if (((char *)block.at)[122] != 'k')
		abort();
	give(block);
	grow(take(321), SIZE_MAX / 2);
	grow(no_block, SIZE_MAX / 2);
}

static void arrays(void)
{
	struct block block = grow_array(no_block, 10, 12);

	block = grow_array(block, 1000, 12);
	grow_array(block, 3, 7);
}

int main(void)
{
	grow_at_the_top_stays();
	grow_between_neighbours_moves();
	shrink_stays();
	mapped_blocks_grow_and_come_home();
	to_nothing_frees();
	failed_keeps_the_old_block();
	arrays();
	truth_also("moved", moved);
	truth_also("stayed", stayed);
	truth_write();
	return 0;
}
