/* What is counted beside the live table. What each thread holds of each site, and marks, are for
 * questions that are asked while it runs: they begin anew. */
#include <stdlib.h>
#include <string.h>

#include "kept.h"
#include "thread_sites.h"
#include "view.h"

#define LIVED_MOST 1e30 /* ns: no sum of lives comes there */

/* ---- saving ------------------------------------------------------------------------------ */

static void save_sum(const struct heap_sum *sum, struct wire *to)
{
	wire_number(to, sum->count);
	wire_number(to, sum->bytes);
	wire_number(to, sum->usable);
}

static void save_since(const struct counters *counters, struct wire *to)
{
	const struct heap_counters *since = &counters->since;

	wire_number(to, counters->since_ns);
	wire_number(to, since->since_ms);
	wire_number(to, since->resets);
	save_sum(&since->allocated, to);
	save_sum(&since->freed, to);
	save_sum(&since->freed_earlier, to);
	save_sum(&since->live, to);
	save_sum(&since->peak, to);
	wire_number(to, since->temporary);
	for (size_t i = 0; i < HEAP_SIZES; i++)
		wire_number(to, since->sizes[i]);
}

static void save_thread(const struct heap_thread *thread, struct wire *to)
{
	wire_signed(to, thread->tid);
	wire_number(to, thread->ended);
	wire_number(to, thread->allocs);
	wire_number(to, thread->bytes);
	wire_number(to, thread->frees);
	wire_number(to, thread->freed_bytes);
	wire_number(to, thread->temporary);
}

static void save_view(int tid, const struct thread_counters *by, struct wire *to)
{
	wire_signed(to, tid);
	save_thread(&by->sums, to);
	wire_number(to, by->last_block);
	wire_number(to, by->mapped_begin);
	wire_number(to, by->mapped_end);
	wire_number(to, by->odd_block);
	wire_number(to, by->odd_usable);
}

static void save_views(const struct heap *heap, struct wire *to)
{
	const struct table_slot *slot;
	size_t count = 0;

	for (size_t at = 0; (slot = table_next(&heap->views, &at));)
		count += slot->value != 0;
	wire_number(to, count);
	for (size_t at = 0; (slot = table_next(&heap->views, &at));)
		if (slot->value)
			save_view((int32_t)slot->key,
			          &((const struct view *)(uintptr_t)slot->value)->counters, to);
}

static void save_real(double number, struct wire *to)
{
	uint64_t bits;

	memcpy(&bits, &number, sizeof(bits));
	wire_number(to, bits);
}

static void save_sites(const struct sites *sites, struct wire *to)
{
	wire_number(to, sites->count);
	for (size_t i = 0; i < sites->count; i++) {
		const struct site_counters *of = &sites->sites[i].counters;
		const uint64_t numbers[] = { of->bytes, of->temporary, of->lived, of->min_ns,
			                     of->max_ns };

		save_real(of->lived_ns, to);
		for (size_t n = 0; n < countof(numbers); n++)
			wire_number(to, numbers[n]);
	}
}

static void save_table(const struct table *table, struct wire *to)
{
	const struct table_slot *slot;

	wire_number(to, table->used);
	for (size_t at = 0; (slot = table_next(table, &at));) {
		wire_number(to, slot->key);
		wire_number(to, slot->value);
	}
}

void kept_save_counters(const struct heap *heap, struct wire *to)
{
	save_since(&heap->counters, to);
	save_thread(&heap->counters.ended, to);
	save_views(heap, to);
	save_sites(&heap->sites, to);
	save_table(&heap->counters.lifetimes, to);
	save_table(&heap->counters.odd, to);
}

/* ---- loading ----------------------------------------------------------------------------- */

static void load_sum(struct heap_sum *sum, struct wire_reader *from)
{
	sum->count = wire_take_number(from);
	sum->bytes = wire_take_number(from);
	sum->usable = wire_take_number(from);
}

static void load_since(struct counters *counters, struct wire_reader *from)
{
	struct heap_counters *since = &counters->since;

	counters->since_ns = wire_take_number(from);
	since->since_ms = wire_take_number(from);
	since->resets = wire_take_number(from);
	load_sum(&since->allocated, from);
	load_sum(&since->freed, from);
	load_sum(&since->freed_earlier, from);
	load_sum(&since->live, from);
	load_sum(&since->peak, from);
	since->temporary = wire_take_number(from);
	for (size_t i = 0; i < HEAP_SIZES; i++)
		since->sizes[i] = wire_take_number(from);
}

static void load_thread(struct heap_thread *thread, struct wire_reader *from)
{
	thread->tid = (int)wire_take_signed(from);
	thread->ended = wire_take_number(from);
	thread->allocs = wire_take_number(from);
	thread->bytes = wire_take_number(from);
	thread->frees = wire_take_number(from);
	thread->freed_bytes = wire_take_number(from);
	thread->temporary = wire_take_number(from);
}

static bool load_view(struct heap *heap, struct wire_reader *from)
{
	int tid = (int)wire_take_signed(from);
	struct view *view = from->failed || !tid ? NULL : view_of(heap, tid);
	struct thread_counters *by = view ? &view->counters : NULL;

	if (!by)
		return false;
	load_thread(&by->sums, from);
	by->last_block = wire_take_number(from);
	by->mapped_begin = wire_take_number(from);
	by->mapped_end = wire_take_number(from);
	by->odd_block = wire_take_number(from);
	by->odd_usable = wire_take_number(from);
	return !from->failed;
}

static bool load_views(struct heap *heap, struct wire_reader *from)
{
	size_t count = wire_take_count(from, 13);

	for (size_t i = 0; i < count; i++)
		if (!load_view(heap, from))
			return false;
	return !from->failed;
}

static double load_real(struct wire_reader *from)
{
	uint64_t bits = wire_take_number(from);
	double number;

	memcpy(&number, &bits, sizeof(number));
	if (number >= 0 && number < LIVED_MOST)
		return number;
	from->failed = true;
	return 0;
}

static bool load_sites(struct sites *sites, struct wire_reader *from)
{
	size_t count = wire_take_most(from, sites->count);

	for (size_t i = 0; i < count; i++) {
		struct site_counters *of = &sites->sites[i].counters;
		uint64_t *const numbers[] = { &of->bytes, &of->temporary, &of->lived,
			                      &of->min_ns, &of->max_ns };

		of->lived_ns = load_real(from);
		for (size_t n = 0; n < countof(numbers); n++)
			*numbers[n] = wire_take_number(from);
	}
	return !from->failed;
}

static bool load_table(struct table *table, struct wire_reader *from)
{
	size_t count = wire_take_count(from, 2);

	table_clear(table);
	for (size_t i = 0; i < count; i++) {
		uint64_t key = wire_take_number(from);
		uint64_t *value = key ? table_put(table, key) : NULL;

		if (!value)
			return false;
		*value = wire_take_number(from);
	}
	return !from->failed;
}

bool kept_load_counters(struct heap *heap, struct wire_reader *from)
{
	thread_sites_clear(&heap->counters.thread_sites);
	load_since(&heap->counters, from);
	load_thread(&heap->counters.ended, from);
	return load_views(heap, from) && load_sites(&heap->sites, from) &&
	       load_table(&heap->counters.lifetimes, from) &&
	       load_table(&heap->counters.odd, from);
}
