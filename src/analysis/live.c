#include "live.h"

#include <stdlib.h>
#include <string.h>

/* Addresses remembered as freed: they tell a double free from an unknown one. */
#define FREED_MAX (4u << 20)
#define FREED_COPIED (1u << 16) /* each of many children has a copy */

void live_clear(struct live *live)
{
	live->used = live->unused_count = 0;
	table_clear(&live->by_addr);
	table_clear(&live->freed);
}

void live_deinit(struct live *live)
{
	free(live->blocks);
	free(live->unused);
	table_deinit(&live->by_addr);
	table_deinit(&live->freed);
	*live = (struct live){ 0 };
}

static void *copy(const void *from, size_t count, size_t size)
{
	void *to = malloc(count * size + 1);

	if (to && count)
		memcpy(to, from, count * size);
	return to;
}

bool live_copy(struct live *live, const struct live *from)
{
	live->blocks = copy(from->blocks, from->used, sizeof(*live->blocks));
	live->used = live->capacity = from->used;
	live->unused = copy(from->unused, from->unused_count, sizeof(*live->unused));
	live->unused_count = live->unused_capacity = from->unused_count;
	if (live->blocks && live->unused && table_copy(&live->by_addr, &from->by_addr) &&
	    (from->freed.used > FREED_COPIED || table_copy(&live->freed, &from->freed)))
		return true;
	live_deinit(live);
	return false;
}

static bool grow(void **array, size_t *capacity, size_t size)
{
	size_t wanted = *capacity ? *capacity * 2 : 1024;
	void *grown = realloc(*array, wanted * size);

	if (!grown)
		return false;
	*array = grown;
	*capacity = wanted;
	return true;
}

static bool take_place(struct live *live, uint32_t *place)
{
	if (live->unused_count) {
		*place = live->unused[--live->unused_count];
		return true;
	}
	if (live->used == live->capacity &&
	    !grow((void **)&live->blocks, &live->capacity, sizeof(*live->blocks)))
		return false;
	*place = live->used++;
	return true;
}

bool live_add(struct live *live, taddr_t addr, const struct block *block, struct block *old,
              bool *had_old)
{
	uint64_t *index;
	uint32_t place;

	*had_old = live_remove(live, addr, old);
	table_remove(&live->freed, addr);
	if (!take_place(live, &place))
		return false;
	index = table_put(&live->by_addr, addr);
	if (!index)
		return false;
	*index = place + 1;
	live->blocks[place] = *block;
	return true;
}

bool live_remove(struct live *live, taddr_t addr, struct block *out)
{
	const uint64_t *index = table_find(&live->by_addr, addr);
	uint32_t place;
	uint64_t *freed;

	if (!index)
		return false;
	place = *index - 1;
	*out = live->blocks[place];
	table_remove(&live->by_addr, addr);
	if (live->unused_count < live->unused_capacity ||
	    grow((void **)&live->unused, &live->unused_capacity, sizeof(*live->unused)))
		live->unused[live->unused_count++] = place;
	if (live->freed.used >= FREED_MAX)
		table_clear(&live->freed);
	freed = table_put(&live->freed, addr);
	if (freed)
		*freed = 1;
	return true;
}

bool live_was_freed(const struct live *live, taddr_t addr)
{
	return table_find(&live->freed, addr) != NULL;
}

void live_forget_freed(struct live *live, taddr_t addr)
{
	table_remove(&live->freed, addr);
}
