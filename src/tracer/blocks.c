#include "blocks.h"

#include <string.h>
#include <sys/mman.h>

#define REGION_BITS 22
#define UNIT_BITS 3
#define BYTES (UINT64_C(1) << (REGION_BITS - UNIT_BITS - 3)) /* of live bits; as many that lived */

static uint8_t *map(void)
{
	void *at = mmap(NULL, 2 * BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

/* The bits of its region, or NULL. */
static uint8_t *bits_of(struct blocks *blocks, taddr_t addr, bool make)
{
	uint64_t number = (addr >> REGION_BITS) + 1, *slot;

	if (number == blocks->last)
		return blocks->last_bits;
	slot = make ? table_put(&blocks->regions, number) : table_find(&blocks->regions, number);
	if (slot && !*slot)
		*slot = (uintptr_t)map();
	if (!slot || !*slot)
		return NULL;
	blocks->last = number;
	return blocks->last_bits = (uint8_t *)(uintptr_t)*slot;
}

static size_t byte_of(taddr_t addr)
{
	return (addr & ((UINT64_C(1) << REGION_BITS) - 1)) >> (UNIT_BITS + 3);
}

static uint8_t bit_of(taddr_t addr)
{
	return 1u << (addr >> UNIT_BITS & 7);
}

static bool is_aligned(taddr_t addr)
{
	return !(addr & ((1u << UNIT_BITS) - 1));
}

void blocks_put(struct blocks *blocks, taddr_t addr)
{
	uint8_t *bits = is_aligned(addr) ? bits_of(blocks, addr, true) : NULL;

	if (!bits)
		return;
	bits[byte_of(addr)] |= bit_of(addr);
	bits[BYTES + byte_of(addr)] |= bit_of(addr);
}

enum block_was blocks_take(struct blocks *blocks, taddr_t addr)
{
	uint8_t *bits = is_aligned(addr) ? bits_of(blocks, addr, false) : NULL;

	if (!bits || !(bits[BYTES + byte_of(addr)] & bit_of(addr)))
		return BLOCK_NEVER;
	if (!(bits[byte_of(addr)] & bit_of(addr)))
		return BLOCK_FREED;
	bits[byte_of(addr)] &= ~bit_of(addr);
	return BLOCK_LIVE;
}

void blocks_copy(struct blocks *blocks, const struct blocks *from)
{
	struct table_slot *slot;

	for (size_t at = 0; (slot = table_next(&from->regions, &at));) {
		uint64_t *to = slot->value ? table_put(&blocks->regions, slot->key) : NULL;

		if (to && (*to = (uintptr_t)map()))
			memcpy((void *)(uintptr_t)*to, (const void *)(uintptr_t)slot->value, 2 * BYTES);
	}
}

void blocks_deinit(struct blocks *blocks)
{
	struct table_slot *slot;

	for (size_t at = 0; (slot = table_next(&blocks->regions, &at));)
		if (slot->value)
			munmap((void *)(uintptr_t)slot->value, 2 * BYTES);
	table_deinit(&blocks->regions);
	*blocks = (struct blocks){ 0 };
}
