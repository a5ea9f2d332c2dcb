#include "table.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 64

static size_t home(const struct table *table, uint64_t key)
{
	return (key * 0x9e3779b97f4a7c15u >> 20) & (table->capacity - 1);
}

static struct table_slot *slot_of(const struct table *table, uint64_t key)
{
	size_t i = home(table, key);

	while (table->slots[i].key && table->slots[i].key != key)
		i = (i + 1) & (table->capacity - 1);
	return &table->slots[i];
}

static bool grow(struct table *table)
{
	struct table old = *table;

	table->capacity = old.capacity ? old.capacity * 2 : FIRST_CAPACITY;
	table->slots = calloc(table->capacity, sizeof(*table->slots));
	if (!table->slots) {
		*table = old;
		return false;
	}
	for (size_t i = 0; i < old.capacity; i++)
		if (old.slots[i].key)
			*slot_of(table, old.slots[i].key) = old.slots[i];
	free(old.slots);
	return true;
}

void table_deinit(struct table *table)
{
	free(table->slots);
	*table = (struct table){ 0 };
}

bool table_copy(struct table *table, const struct table *from)
{
	if (!from->used)
		return true;
	table->slots = malloc(from->capacity * sizeof(*table->slots));
	if (!table->slots)
		return false;
	memcpy(table->slots, from->slots, from->capacity * sizeof(*table->slots));
	table->capacity = from->capacity;
	table->used = from->used;
	return true;
}

void table_clear(struct table *table)
{
	if (table->used)
		memset(table->slots, 0, table->capacity * sizeof(*table->slots));
	table->used = 0;
}

uint64_t *table_find(const struct table *table, uint64_t key)
{
	struct table_slot *slot = table->used ? slot_of(table, key) : NULL;

	return slot && slot->key ? &slot->value : NULL;
}

uint64_t *table_put(struct table *table, uint64_t key)
{
	uint64_t *found = table_find(table, key);
	struct table_slot *slot;

	if (found)
		return found;
	if ((table->used + 1) * 4 > table->capacity * 3 && !grow(table))
		return NULL;
	slot = slot_of(table, key);
	*slot = (struct table_slot){ key, 0 };
	table->used++;
	return &slot->value;
}

/* Closes the gap instead of leaving a tombstone: every later entry of the run
 * that may stand in the gap moves there. */
bool table_remove(struct table *table, uint64_t key)
{
	size_t mask = table->capacity - 1, gap, i;
	struct table_slot *slot = table->used ? slot_of(table, key) : NULL;

	if (!slot || !slot->key)
		return false;
	gap = slot - table->slots;
	for (i = (gap + 1) & mask; table->slots[i].key; i = (i + 1) & mask) {
		size_t wanted = home(table, table->slots[i].key);

		if (((i - wanted) & mask) < ((i - gap) & mask))
			continue;
		table->slots[gap] = table->slots[i];
		gap = i;
	}
	table->slots[gap] = (struct table_slot){ 0, 0 };
	table->used--;
	return true;
}

struct table_slot *table_next(const struct table *table, size_t *at)
{
	while (*at < table->capacity) {
		struct table_slot *slot = &table->slots[(*at)++];

		if (slot->key)
			return slot;
	}
	return NULL;
}

struct table *table_within(struct table *table, uint64_t key)
{
	uint64_t *at = table_put(table, key);
	struct table *within = at ? (struct table *)(uintptr_t)*at : NULL;

	if (!at || within)
		return within;
	within = calloc(1, sizeof(*within));
	if (within)
		*at = (uintptr_t)within;
	else
		table_remove(table, key);
	return within;
}

void table_deinit_within(struct table *table)
{
	struct table_slot *slot;

	for (size_t at = 0; (slot = table_next(table, &at));) {
		table_deinit((struct table *)(uintptr_t)slot->value);
		free((struct table *)(uintptr_t)slot->value);
	}
	table_deinit(table);
}
