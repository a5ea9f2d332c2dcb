#include "live.h"

#include <stdlib.h>
#include <string.h>

/* Freed addresses that are remembered at the least: they tell a double free from an unknown
 * one. Each of many children has a copy. */
#define FREED_KEPT (1u << 16)
#define FIRST_BITS 10

/* In the place of a site. */
#define FREED UINT32_MAX
#define FORGOTTEN (UINT32_MAX - 1) /* freed, and then handed out unseen */

static bool is_live(const struct live_block *block)
{
	return block->state < FORGOTTEN;
}

void live_clear(struct live *live)
{
	if (live->used)
		memset(live->index, 0, sizeof(*live->index) << live->index_bits);
	live->used = live->freed = 0;
	live->oldest = live->newest = 0;
}

void live_deinit(struct live *live)
{
	free(live->blocks);
	free(live->index);
	*live = (struct live){ 0 };
}

bool live_copy(struct live *live, const struct live *from)
{
	size_t blocks_len = from->used * sizeof(*from->blocks);
	size_t index_len = sizeof(*from->index) << from->index_bits;

	if (!from->used)
		return true;
	*live = *from;
	live->capacity = from->used;
	live->blocks = malloc(blocks_len);
	live->index = malloc(index_len);
	if (!live->blocks || !live->index) {
		live_deinit(live);
		return false;
	}
	memcpy(live->blocks, from->blocks, blocks_len);
	memcpy(live->index, from->index, index_len);
	return true;
}

/* ---- the index --------------------------------------------------------------------- */

/* The upper bits are where the search begins, the next ones go into the slot: places of
 * other addresses are hardly ever looked at. */
static uint32_t hash(taddr_t addr)
{
	return addr * 0x9e3779b97f4a7c15u >> 32;
}

static size_t home(const struct live *live, taddr_t addr)
{
	return hash(addr) >> (32 - live->index_bits);
}

static uint32_t mask(const struct live *live)
{
	return (UINT64_C(1) << live->index_bits) - 1;
}

static uint32_t above(const struct live *live, taddr_t addr)
{
	return (uint64_t)hash(addr) << live->index_bits;
}

static struct live_block *at_slot(const struct live *live, size_t slot)
{
	return &live->blocks[(live->index[slot] & mask(live)) - 1];
}

/* The slot that names it, or an empty one. */
static size_t slot_of(const struct live *live, taddr_t addr)
{
	uint32_t wanted = above(live, addr), places = mask(live);
	size_t i = home(live, addr);

	while (live->index[i] && ((live->index[i] & ~places) != wanted ||
	                          at_slot(live, i)->addr != addr))
		i = (i + 1) & places;
	return i;
}

static struct live_block *find(const struct live *live, taddr_t addr)
{
	size_t slot = live->used ? slot_of(live, addr) : 0;

	return live->used && live->index[slot] ? at_slot(live, slot) : NULL;
}

static void index_put(struct live *live, uint32_t place)
{
	taddr_t addr = live->blocks[place].addr;

	live->index[slot_of(live, addr)] = above(live, addr) | (place + 1);
}

/* All it says stands in the blocks as well, so the old one is not needed for the new. */
static bool index_grow(struct live *live)
{
	unsigned bits = live->index_bits ? live->index_bits + 1 : FIRST_BITS;
	uint32_t *grown = bits < 32 ? realloc(live->index, sizeof(*grown) << bits) : NULL;

	if (!grown)
		return false;
	memset(grown, 0, sizeof(*grown) << bits);
	live->index = grown;
	live->index_bits = bits;
	for (size_t i = 0; i < live->used; i++)
		index_put(live, i);
	return true;
}

/* As table_remove does. */
static void index_remove(struct live *live, taddr_t addr)
{
	size_t gap = slot_of(live, addr), i, places = mask(live);

	for (i = (gap + 1) & places; live->index[i]; i = (i + 1) & places) {
		size_t wanted = home(live, at_slot(live, i)->addr);

		if (((i - wanted) & places) < ((i - gap) & places))
			continue;
		live->index[gap] = live->index[i];
		gap = i;
	}
	live->index[gap] = 0;
}

/* ---- the freed ones ------------------------------------------------------------------ */

static void freed_add(struct live *live, struct live_block *block)
{
	uint32_t number = block - live->blocks + 1;

	block->site = block->block.site;
	block->older = live->newest;
	block->newer = 0;
	block->state = FREED;
	if (live->newest)
		live->blocks[live->newest - 1].newer = number;
	else
		live->oldest = number;
	live->newest = number;
	live->freed++;
}

static void freed_drop(struct live *live, const struct live_block *block)
{
	if (block->older)
		live->blocks[block->older - 1].newer = block->newer;
	else
		live->oldest = block->newer;
	if (block->newer)
		live->blocks[block->newer - 1].older = block->older;
	else
		live->newest = block->older;
	live->freed--;
}

/* ---- places -------------------------------------------------------------------------- */

/* In small steps, for what is not used counts too; where it is much, realloc moves no bytes,
 * mremap(2). */
static bool grow(struct live *live)
{
	size_t capacity = live->capacity + live->capacity / 8 + 1024;
	struct live_block *grown;

	if ((live->used + 1) * 4 > ((size_t)3 << live->index_bits) && !index_grow(live))
		return false;
	if (live->used < live->capacity)
		return true;
	grown = realloc(live->blocks, capacity * sizeof(*grown));
	if (!grown)
		return false;
	live->blocks = grown;
	live->capacity = capacity;
	return true;
}

static struct live_block *take_place(struct live *live, taddr_t addr)
{
	struct live_block *block;

	if (live->freed < FREED_KEPT && grow(live)) {
		block = &live->blocks[live->used++];
	} else if (live->freed) {
		block = &live->blocks[live->oldest - 1];
		freed_drop(live, block);
		index_remove(live, block->addr);
	} else {
		return NULL;
	}
	block->addr = addr;
	index_put(live, block - live->blocks);
	return block;
}

bool live_add(struct live *live, taddr_t addr, const struct block *block, struct block *old,
              bool *had_old)
{
	struct live_block *at = find(live, addr);

	*had_old = at && is_live(at);
	if (*had_old)
		*old = at->block;
	else if (at)
		freed_drop(live, at);
	else
		at = take_place(live, addr);
	if (at)
		at->block = *block;
	return at;
}

bool live_remove(struct live *live, taddr_t addr, struct block *out)
{
	return live_free(live, addr, 0, 0, out);
}

bool live_free(struct live *live, taddr_t addr, uint32_t free_site, uint32_t freed_ms,
               struct block *out)
{
	struct live_block *at = find(live, addr);

	if (!at || !is_live(at))
		return false;
	*out = at->block;
	freed_add(live, at);
	at->free_site = free_site;
	at->freed_ms = freed_ms;
	return true;
}

const struct block *live_at(const struct live *live, taddr_t addr)
{
	const struct live_block *at = find(live, addr);

	return at && is_live(at) ? &at->block : NULL;
}

const struct live_block *live_next(const struct live *live, size_t *at)
{
	while (*at < live->used) {
		const struct live_block *block = &live->blocks[(*at)++];

		if (is_live(block))
			return block;
	}
	return NULL;
}

const struct live_block *live_freed(const struct live *live, taddr_t addr)
{
	const struct live_block *at = find(live, addr);

	return at && at->state == FREED ? at : NULL;
}

void live_forget_freed(struct live *live, taddr_t addr)
{
	struct live_block *at = find(live, addr);

	if (at && !is_live(at))
		at->state = FORGOTTEN;
}
