/* Members that a report and ctl's answers share. */
#include <stdlib.h>

#include "figures_json.h"
#include "json_gen.h"

/* Each size by the largest it stands for. */
static void put_sizes(yajl_gen gen, const struct heap_counters *counters)
{
	json_member(gen, "sizes");
	yajl_gen_array_open(gen);
	for (unsigned i = 0; i < HEAP_SIZES; i++) {
		if (!counters->sizes[i])
			continue;
		yajl_gen_map_open(gen);
		json_member_number(gen, "to", i ? ((UINT64_C(1) << (i - 1)) - 1) * 2 + 1 : 0);
		json_member_number(gen, "allocs", counters->sizes[i]);
		yajl_gen_map_close(gen);
	}
	yajl_gen_array_close(gen);
}

static void put_thread(yajl_gen gen, const struct heap_thread *thread)
{
	yajl_gen_map_open(gen);
	if (thread->tid)
		json_member_number(gen, "tid", thread->tid);
	else
		json_member_number(gen, "ended", thread->ended);
	json_member_number(gen, "allocs", thread->allocs);
	json_member_number(gen, "bytes", thread->bytes);
	json_member_number(gen, "frees", thread->frees);
	json_member_number(gen, "bytes_freed", thread->freed_bytes);
	json_member_number(gen, "temporary", thread->temporary);
	yajl_gen_map_close(gen);
}

static void put_threads(yajl_gen gen, struct heap *heap)
{
	size_t count;
	struct heap_thread *list = heap_thread_list(heap, &count);

	json_member(gen, "by_thread");
	yajl_gen_array_open(gen);
	for (size_t i = 0; i < count; i++)
		put_thread(gen, &list[i]);
	yajl_gen_array_close(gen);
	free(list);
}

static void put_sum(yajl_gen gen, const char *key, const struct heap_counters *counters,
                    const struct heap_sum *sum)
{
	json_member(gen, key);
	yajl_gen_map_open(gen);
	json_member_number(gen, "count", sum->count);
	json_member_number(gen, "bytes", sum->bytes);
	if (counters->usable_known)
		json_member_number(gen, "usable_bytes", sum->usable);
	else
		json_member_null(gen, "usable_bytes");
	yajl_gen_map_close(gen);
}

void figures_json_counter_members(yajl_gen gen, struct heap *heap)
{
	const struct heap_counters *counters = heap_counters(heap);

	json_member_number(gen, "resets", counters->resets);
	json_member_number(gen, "since_ms", counters->since_ms);
	json_member(gen, "off");
	yajl_gen_bool(gen, counters->off);
	put_sum(gen, "allocated", counters, &counters->allocated);
	put_sum(gen, "freed", counters, &counters->freed);
	put_sum(gen, "freed_earlier", counters, &counters->freed_earlier);
	put_sum(gen, "in_use", counters, &counters->live);
	put_sum(gen, "peak", counters, &counters->peak);
	json_member_number(gen, "temporary", counters->temporary);
	put_sizes(gen, counters);
	put_threads(gen, heap);
}

void figures_json_counters(yajl_gen gen, struct heap *heap)
{
	yajl_gen_map_open(gen);
	figures_json_counter_members(gen, heap);
	yajl_gen_map_close(gen);
}

/* Each by the first microsecond that is too long for it. */
static void put_lifetimes(yajl_gen gen, const struct heap_lifetimes *lifetimes)
{
	json_member(gen, "lifetimes");
	yajl_gen_map_open(gen);
	json_member_number(gen, "count", lifetimes->count);
	json_member_number(gen, "min_ns", lifetimes->min_ns);
	json_member_number(gen, "mean_ns", lifetimes->mean_ns);
	json_member_number(gen, "max_ns", lifetimes->max_ns);
	json_member(gen, "below_us");
	yajl_gen_map_open(gen);
	for (unsigned i = 0; i < HEAP_LIFETIMES; i++) {
		char below[24];

		snprintf(below, sizeof(below), "%llu", 1ull << i);
		if (lifetimes->counts[i])
			json_member_number(gen, below, lifetimes->counts[i]);
	}
	yajl_gen_map_close(gen);
	yajl_gen_map_close(gen);
}

void figures_json_site_counters(yajl_gen gen, struct heap *heap, uint32_t site)
{
	struct heap_site_counters counters = heap_site_counters(heap, site);

	json_member_number(gen, "bytes_allocated", counters.bytes);
	json_member_number(gen, "temporary", counters.temporary);
	if (counters.lifetimes.count)
		put_lifetimes(gen, &counters.lifetimes);
}

void figures_json_by_group(yajl_gen gen, const char *key, struct heap *heap, enum heap_group_by by)
{
	size_t count;
	struct heap_group *list = heap_groups(heap, by, &count);

	json_member(gen, key);
	yajl_gen_array_open(gen);
	for (size_t i = 0; i < count; i++) {
		yajl_gen_map_open(gen);
		json_member_string(gen, "name", list[i].name);
		json_member_number(gen, "live_blocks", list[i].live_blocks);
		json_member_number(gen, "live_bytes", list[i].live_bytes);
		json_member_number(gen, "allocs", list[i].allocs);
		json_member_number(gen, "frees", list[i].frees);
		json_member_number(gen, "bytes_allocated", list[i].bytes);
		yajl_gen_map_close(gen);
	}
	yajl_gen_array_close(gen);
	free(list);
}
