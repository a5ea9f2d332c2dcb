#include "holdings.h"

#include <stdlib.h>

static uint64_t key_of(int tid, uint32_t site)
{
	return (uint64_t)tid << 32 | site;
}

static struct holding *in_slot(const uint64_t *slot)
{
	return slot ? (struct holding *)(uintptr_t)*slot : NULL;
}

struct holding *holdings_find(const struct holdings *all, int tid, uint32_t site)
{
	return in_slot(table_find(&all->by_key, key_of(tid, site)));
}

/* A thread that has the number of an ended one, whose blocks live on, is told of from there. */
static void begin(struct holdings *all, int tid, struct holding *held)
{
	uint64_t *first = table_put(&all->threads, tid);

	held->ended = false;
	held->told = held->total;
	held->told_ns = 0;
	held->next = in_slot(first);
	if (first)
		*first = (uintptr_t)held;
}

struct holding *holdings_put(struct holdings *all, int tid, uint32_t site)
{
	uint64_t key = key_of(tid, site), *slot = table_put(&all->by_key, key);
	struct holding *held = in_slot(slot);

	if (held && !held->ended)
		return held;
	if (slot && !held) {
		held = calloc(1, sizeof(*held));
		*slot = (uintptr_t)held;
	}
	if (held) {
		held->key = key;
		begin(all, tid, held);
	}
	return held;
}

void holdings_settle(struct holdings *all, struct holding *held)
{
	if (!held->ended || held->total)
		return;
	table_remove(&all->by_key, held->key);
	free(held);
}

void holdings_thread_ended(struct holdings *all, int tid)
{
	struct holding *held = in_slot(table_find(&all->threads, tid)), *next;

	table_remove(&all->threads, tid);
	for (; held; held = next) {
		next = held->next;
		held->ended = true;
		holdings_settle(all, held);
	}
}

void holdings_deinit(struct holdings *all)
{
	struct table_slot *slot;

	for (size_t at = 0; (slot = table_next(&all->by_key, &at));)
		free(in_slot(&slot->value));
	table_deinit(&all->by_key);
	table_deinit(&all->threads);
}
