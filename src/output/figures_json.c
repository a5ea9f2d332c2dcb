#include "figures_json.h"

#include <stdlib.h>

#include "json.h"
#include "json_maps.h"
#include "json_gen.h"
#include "map_call.h"

/* ---- what is taken from the heap ----------------------------------------------------------- */

uint64_t figures_mem_count(const struct heap_counters *counters)
{
	return counters->usable_known ? counters->live.usable : counters->live.bytes;
}

static int64_t less(const struct heap_map_calls *more, const struct heap_map_calls *fewer)
{
	return (int64_t)(more->calls - more->failed) - (int64_t)(fewer->calls - fewer->failed);
}

int64_t figures_net_mmaps(const struct heap_maps *maps)
{
	return less(&maps->calls[MAP_CALL_MMAP], &maps->calls[MAP_CALL_MUNMAP]);
}

int64_t figures_net_shm(const struct heap_maps *maps)
{
	return (int64_t)(maps->calls[MAP_CALL_SHMAT].bytes - maps->calls[MAP_CALL_SHMDT].bytes);
}

uint64_t figures_held(const struct heap_maps *maps)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < maps->origin_count; i++)
		if (i == HEAP_LIBC_MALLOC || i >= HEAP_ORIGINS)
			bytes += maps->origins[i].bytes;
	return bytes;
}

/* ---- documents ----------------------------------------------------------------------------- */

/* One line; NULL: no memory. */
static yajl_gen begin(FILE *out, const struct figures *figures)
{
	yajl_gen gen = json_begin(out, true);

	if (!gen)
		return NULL;
	json_member_number(gen, "alloctrace_ctl", 1);
	json_member_number(gen, "pid", figures->report->pid);
	json_member_number(gen, "time_ms", figures->report->time_ms);
	return gen;
}

/* ---- stat ---------------------------------------------------------------------------------- */

static void put_live(yajl_gen gen, const struct heap *heap)
{
	const struct heap_totals *totals = heap_totals(heap);

	json_member(gen, "live");
	yajl_gen_map_open(gen);
	json_member_number(gen, "blocks", totals->live_blocks);
	json_member_number(gen, "bytes", totals->live_bytes);
	yajl_gen_map_close(gen);
}

static void put_functions(yajl_gen gen, const struct heap *heap)
{
	size_t count;
	struct heap_calls *list = heap_functions_since(heap, &count);

	json_member(gen, "functions");
	yajl_gen_map_open(gen);
	for (size_t i = 0; i < count; i++) {
		json_string(gen, list[i].of.name);
		yajl_gen_map_open(gen);
		json_member_number(gen, "calls", list[i].of.calls);
		json_member_number(gen, "failed", list[i].of.failed);
		json_member_number(gen, "null", list[i].of.null);
		json_member_number(gen, "bytes", list[i].of.bytes);
		json_member_number(gen, "bytes_freed", list[i].freed);
		yajl_gen_map_close(gen);
	}
	yajl_gen_map_close(gen);
	free(list);
}

static void put_maps(yajl_gen gen, const struct heap_maps *maps)
{
	json_member(gen, "maps");
	yajl_gen_map_open(gen);
	for (unsigned kind = MAP_CALL_NONE + 1; kind <= MAP_CALL_SHMDT; kind++) {
		json_member(gen, map_call_name(kind));
		yajl_gen_map_open(gen);
		json_member_number(gen, "calls", maps->calls[kind].calls);
		json_member_number(gen, "failed", maps->calls[kind].failed);
		json_member_number(gen, "bytes", maps->calls[kind].bytes);
		yajl_gen_map_close(gen);
	}
	json_member_signed(gen, "net_bytes", maps->net_bytes);
	json_member_number(gen, "bytes", maps->bytes);
	yajl_gen_map_close(gen);
}

static void put_triple(yajl_gen gen, const struct heap_counters *counters,
                       const struct heap_maps *maps)
{
	json_member(gen, "asm_stats");
	yajl_gen_map_open(gen);
	json_member_number(gen, "mem_count", figures_mem_count(counters));
	json_member_signed(gen, "net_mmaps", maps->net_bytes);
	json_member_signed(gen, "net_shm", figures_net_shm(maps));
	yajl_gen_map_close(gen);
}

static void put_allocator(yajl_gen gen, const struct heap_counters *counters,
                          const struct heap_maps *maps)
{
	uint64_t held = figures_held(maps), tracked = figures_mem_count(counters);

	json_member(gen, "allocator");
	yajl_gen_map_open(gen);
	json_member_number(gen, "held_bytes", held);
	json_member_number(gen, "tracked_bytes", tracked);
	json_member_signed(gen, "difference", (int64_t)(held - tracked));
	yajl_gen_map_close(gen);
}

/* All of it but for what costs a look at the kernel's files. */
void figures_json_stat(FILE *out, const struct figures *figures)
{
	struct heap *heap = figures->report->heap;
	const struct heap_counters *counters = heap_counters(heap);
	struct heap_maps maps = heap_maps(heap);
	yajl_gen gen = begin(out, figures);
	const struct heap_vm_figure *vm;
	size_t vm_count;

	if (!gen)
		return;
	json_member_number(gen, "time", (uint64_t)figures->time);
	json_member_string(gen, "exe", figures->report->exe);
	figures_json_counter_members(gen, heap);
	put_live(gen, heap);
	put_functions(gen, heap);
	json_threads(gen, heap);
	if (maps.state != HEAP_MAPS_OFF) {
		put_maps(gen, &maps);
		put_triple(gen, counters, &maps);
		put_allocator(gen, counters, &maps);
	}
	if (figures->sections & FIGURES_VM) {
		vm_count = heap_vm_now(heap, &vm);
		json_vm(gen, vm, vm_count);
	}
	json_end(gen, out, true);
}

/* ---- sites --------------------------------------------------------------------------------- */

void figures_json_sites(FILE *out, const struct figures *figures)
{
	const struct report *report = figures->report;
	size_t count;
	struct heap_site *sites = heap_sites(report->heap, &report->query, &count);
	yajl_gen gen = begin(out, figures);

	if (report->top && count > report->top)
		count = report->top;
	if (gen) {
		json_member(gen, "sites");
		yajl_gen_array_open(gen);
		for (size_t i = 0; i < count; i++) {
			yajl_gen_map_open(gen);
			json_site(gen, report->heap, &sites[i]);
			json_stack(gen, report->heap, sites[i].id);
			yajl_gen_map_close(gen);
		}
		yajl_gen_array_close(gen);
		json_end(gen, out, true);
	}
	free(sites);
}

static void put_thread_site(yajl_gen gen, const struct heap_thread_site *one)
{
	yajl_gen_map_open(gen);
	json_member_number(gen, "tid", one->tid);
	json_member_number(gen, "live_blocks", one->live_blocks);
	json_member_number(gen, "live_bytes", one->live_bytes);
	json_member_number(gen, "allocs", one->allocs);
	json_member_signed(gen, "last_delta", one->delta);
	json_member_number(gen, "last_ms", one->last_ms);
	yajl_gen_map_close(gen);
}

static void put_threads_of(yajl_gen gen, const struct heap *heap, uint32_t site, int tid)
{
	size_t count;
	struct heap_thread_site *list = heap_thread_sites(heap, site, tid, &count);

	json_member(gen, "threads");
	yajl_gen_array_open(gen);
	for (size_t i = 0; i < count; i++)
		put_thread_site(gen, &list[i]);
	yajl_gen_array_close(gen);
	free(list);
}

void figures_json_site(FILE *out, const struct figures *figures, const struct heap_site *sites,
                       size_t count, int tid)
{
	struct heap *heap = figures->report->heap;
	yajl_gen gen = begin(out, figures);

	if (!gen)
		return;
	json_member(gen, "sites");
	yajl_gen_array_open(gen);
	for (size_t i = 0; i < count; i++) {
		yajl_gen_map_open(gen);
		json_site(gen, heap, &sites[i]);
		put_threads_of(gen, heap, sites[i].id, tid);
		json_stack(gen, heap, sites[i].id);
		yajl_gen_map_close(gen);
	}
	yajl_gen_array_close(gen);
	json_end(gen, out, true);
}

void figures_json_growth(FILE *out, const struct figures *figures, const struct heap_growth *list,
                         size_t count)
{
	yajl_gen gen = begin(out, figures);

	if (!gen)
		return;
	json_member(gen, "sites");
	yajl_gen_array_open(gen);
	for (size_t i = 0; i < count; i++) {
		yajl_gen_map_open(gen);
		json_member_number(gen, "id", list[i].site);
		json_member_string(gen, "function", list[i].function);
		json_member_signed(gen, "blocks", list[i].blocks);
		json_member_signed(gen, "bytes", list[i].bytes);
		json_member_number(gen, "allocs", list[i].allocs);
		json_member_number(gen, "frees", list[i].frees);
		json_member_number(gen, "bytes_allocated", list[i].allocated);
		json_stack(gen, figures->report->heap, list[i].site);
		yajl_gen_map_close(gen);
	}
	yajl_gen_array_close(gen);
	json_end(gen, out, true);
}

void figures_json_groups(FILE *out, const struct figures *figures, enum heap_group_by by)
{
	yajl_gen gen = begin(out, figures);

	if (!gen)
		return;
	figures_json_by_group(gen, "groups", figures->report->heap, by);
	json_end(gen, out, true);
}
