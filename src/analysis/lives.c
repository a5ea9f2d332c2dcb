#include "lives.h"

#include <stdlib.h>
#include <string.h>

void lives_deinit(struct lives *lives)
{
	table_deinit(&lives->by_addr);
	free(lives->list);
	*lives = (struct lives){ 0 };
}

struct life *lives_of(const struct lives *lives, taddr_t addr)
{
	const uint64_t *index = table_find(&lives->by_addr, addr);

	return index ? &lives->list[*index - 1] : NULL;
}

static struct life *add(struct lives *lives, taddr_t addr)
{
	size_t count = lives->count;
	bool is_full = !(count & (count - 1)); /* a power of two */
	struct life *grown = is_full ? realloc(lives->list, (count ? 2 * count : 1) * sizeof(*grown)) :
	                               lives->list;
	uint64_t *index = grown ? table_put(&lives->by_addr, addr) : NULL;

	if (grown)
		lives->list = grown;
	if (!index)
		return NULL;
	*index = ++lives->count;
	return &grown[count];
}

bool lives_handed(struct lives *lives, taddr_t addr, uint64_t size, struct life *before)
{
	struct life *life = lives_of(lives, addr);
	bool again = life;

	lives->handed++;
	lives->again += again;
	lives->given_again += again && life->count;
	if (again)
		*before = *life;
	else
		life = add(lives, addr);
	if (life)
		*life = (struct life){ .born = lives->handed, .size = size };
	return again;
}

static bool has(const uint32_t *list, unsigned count, uint32_t one)
{
	for (unsigned i = 0; i < count; i++)
		if (list[i] == one)
			return true;
	return false;
}

static void move_before(struct life *life)
{
	for (unsigned i = 0; i < life->count; i++)
		if (life->before_count < LIFE_BEFORE &&
		    !has(life->before, life->before_count, life->chain[i]))
			life->before[life->before_count++] = life->chain[i];
	life->count = 0;
}

/* One that is called by the last one was called further down the stack, or in its place. */
void lives_given(const struct lives *lives, struct life *life, uint32_t to, int32_t tid,
                 taddr_t slot)
{
	if (life->tid != tid || slot > life->slot)
		move_before(life);
	life->tid = tid;
	life->slot = slot;
	life->apart = lives->handed > life->born;
	if (has(life->chain, life->count, to))
		return;
	if (life->count == LIFE_CHAIN)
		memmove(life->chain, life->chain + 1, --life->count * sizeof(life->chain[0]));
	life->chain[life->count++] = to;
}
