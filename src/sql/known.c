#include "known.h"

#include <stdlib.h>
#include <string.h>

struct known *known_new(struct heap *heap, uint64_t id)
{
	struct known *known = calloc(1, sizeof(*known));

	if (known) {
		known->heap = heap;
		known->id = id;
	}
	return known;
}

static void free_values(struct table *table)
{
	struct table_slot *slot;

	for (size_t at = 0; (slot = table_next(table, &at));)
		free((void *)(uintptr_t)slot->value);
	table_deinit(table);
}

void known_free(struct known *known)
{
	free_values(&known->threads);
	free_values(&known->held);
	table_deinit(&known->sites);
	table_deinit(&known->live);
	free(known->blocks);
	free(known->exe);
	free(known);
}

bool known_add(struct known *known, const struct live_block *block)
{
	size_t room = known->room * 2 + 1024;
	struct live_block *grown = known->blocks;
	uint64_t *at;

	if (known->count == known->room) {
		grown = realloc(known->blocks, room * sizeof(*grown));
		if (!grown)
			return false;
		known->blocks = grown;
		known->room = room;
	}
	at = table_put(&known->live, block->address);
	if (!at)
		return false;
	*at = known->count;
	known->blocks[known->count++] = *block;
	return true;
}

/* The last one takes its place. */
bool known_take(struct known *known, taddr_t address, struct live_block *block)
{
	const uint64_t *at = address ? table_find(&known->live, address) : NULL;
	struct live_block *there = at ? &known->blocks[*at] : NULL, *last;
	uint64_t *moved;

	if (!there)
		return false;
	*block = *there;
	last = &known->blocks[--known->count];
	if (last != there) {
		*there = *last;
		moved = table_find(&known->live, last->address);
		*moved = there - known->blocks;
	}
	table_remove(&known->live, address);
	return true;
}

void known_forget(struct known *known)
{
	table_clear(&known->live);
	free_values(&known->held);
	known->count = 0;
}

bool known_hold(struct known *known, int tid, const struct live_block *block)
{
	uint64_t *at = table_put(&known->held, (uint64_t)tid);
	struct live_block *held = at && !*at ? malloc(sizeof(*held)) : NULL;

	if (!held) {
		if (at && !*at)
			table_remove(&known->held, (uint64_t)tid);
		return false;
	}
	*held = *block;
	*at = (uintptr_t)held;
	return true;
}

const struct live_block *known_held(const struct known *known, int tid)
{
	const uint64_t *at = known->held.used ? table_find(&known->held, (uint64_t)tid) : NULL;

	return at ? (const struct live_block *)(uintptr_t)*at : NULL;
}

bool known_release(struct known *known, int tid, struct live_block *block)
{
	const struct live_block *held = known_held(known, tid);

	if (!held)
		return false;
	*block = *held;
	free((void *)held);
	table_remove(&known->held, (uint64_t)tid);
	return true;
}

/* What other threads of the parent hold in a realloc lives in the child. */
static bool inherit_held(struct known *known, const struct known *parent)
{
	struct table_slot *slot;

	for (size_t at = 0; (slot = table_next(&parent->held, &at));)
		if (slot->value &&
		    !known_add(known, (const struct live_block *)(uintptr_t)slot->value))
			return false;
	return true;
}

bool known_inherit(struct known *known, const struct known *parent)
{
	known->blocks = malloc((parent->count + 1) * sizeof(*known->blocks));
	if (!known->blocks || !table_copy(&known->live, &parent->live))
		return false;
	known->count = parent->count;
	known->room = parent->count + 1;
	if (parent->count)
		memcpy(known->blocks, parent->blocks, parent->count * sizeof(*known->blocks));
	if (!inherit_held(known, parent))
		return false;
	for (size_t i = 0; i < known->count; i++) {
		struct live_block *block = &known->blocks[i];

		block->inherited = block->id ? block->id : block->inherited;
		block->id = 0; /* it has a row of its own only if it is freed, or stays */
	}
	return true;
}
