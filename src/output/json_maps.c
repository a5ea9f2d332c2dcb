#include "json_maps.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "json.h"
#include "json_gen.h"
#include "map_call.h"

static void put_calls(yajl_gen gen, const struct heap_maps *maps)
{
	for (unsigned kind = MAP_CALL_NONE + 1; kind < MAP_CALLS; kind++) {
		const struct heap_map_calls *calls = &maps->calls[kind];

		if (!calls->calls && kind > MAP_CALL_BRK) /* the others are always told of */
			continue;
		json_member(gen, map_call_name(kind));
		yajl_gen_map_open(gen);
		json_member_number(gen, "calls", calls->calls);
		json_member_number(gen, "failed", calls->failed);
		json_member_number(gen, "bytes", calls->bytes);
		yajl_gen_map_close(gen);
	}
}

static void put_origins(yajl_gen gen, const struct heap_maps *maps)
{
	json_member(gen, "by_origin");
	yajl_gen_map_open(gen);
	for (size_t i = 0; i < maps->origin_count; i++)
		json_member_number(gen, maps->origins[i].name, maps->origins[i].bytes);
	yajl_gen_map_close(gen);
	json_member(gen, "resident_by_origin");
	if (!maps->resident_known) {
		yajl_gen_null(gen);
		return;
	}
	yajl_gen_map_open(gen);
	for (size_t i = 0; i < maps->origin_count; i++)
		json_member_number(gen, maps->origins[i].name, maps->origins[i].resident);
	yajl_gen_map_close(gen);
}

static void put_state(yajl_gen gen, const struct heap_maps *maps)
{
	json_member(gen, "identical");
	if (maps->state == HEAP_MAPS_UNKNOWN)
		yajl_gen_null(gen);
	else
		yajl_gen_bool(gen, maps->state == HEAP_MAPS_IDENTICAL);
	json_member_number(gen, "differences", maps->differences);
	json_member_number(gen, "unordered_calls", maps->unordered);
	json_member_number(gen, "truncated_stacks", maps->truncated_stacks);
}

static void put_site(yajl_gen gen, struct heap *heap, const struct heap_map_site *site)
{
	yajl_gen_map_open(gen);
	json_member_number(gen, "id", site->id);
	json_member_string(gen, "call", site->call);
	json_member_string(gen, "origin", site->origin);
	json_member_number(gen, "bytes", site->bytes);
	json_member_number(gen, "maps", site->maps);
	json_member_number(gen, "resident", site->resident);
	json_member_number(gen, "calls", site->calls);
	json_member_number(gen, "first_ms", site->first_ms);
	json_member_number(gen, "last_ms", site->last_ms);
	json_stack(gen, heap, site->id);
	yajl_gen_map_close(gen);
}

static void put_sites(yajl_gen gen, struct heap *heap)
{
	size_t count;
	struct heap_map_site *sites = heap_map_sites(heap, &count);

	json_member(gen, "map_sites");
	yajl_gen_array_open(gen);
	for (size_t i = 0; i < count; i++)
		put_site(gen, heap, &sites[i]);
	yajl_gen_array_close(gen);
	free(sites);
}

static void put_libraries(yajl_gen gen, struct heap *heap)
{
	size_t count;
	struct heap_library *libraries = heap_libraries(heap, &count);

	json_member(gen, "libraries");
	yajl_gen_array_open(gen);
	for (size_t i = 0; i < count; i++) {
		yajl_gen_map_open(gen);
		json_member_string(gen, "path", libraries[i].path);
		json_member_number(gen, "mapped_bytes", libraries[i].mapped);
		json_member_number(gen, "mapped_resident", libraries[i].mapped_resident);
		json_member_number(gen, "file_bytes", libraries[i].file);
		json_member_number(gen, "file_resident", libraries[i].file_resident);
		yajl_gen_map_close(gen);
	}
	yajl_gen_array_close(gen);
	free(libraries);
}

void json_vm(yajl_gen gen, const struct heap_vm_figure *figures, size_t count)
{
	json_member(gen, "vm");
	yajl_gen_map_open(gen);
	for (size_t i = 0; i < count; i++) {
		json_member(gen, figures[i].name);
		yajl_gen_map_open(gen);
		json_member_number(gen, "bytes", figures[i].bytes);
		json_member_signed(gen, "since_last", figures[i].since_last);
		json_member_signed(gen, "since_start", figures[i].since_start);
		yajl_gen_map_close(gen);
	}
	yajl_gen_map_close(gen);
}

static void put_rss(yajl_gen gen, struct heap *heap)
{
	struct heap_rss rss = heap_rss(heap);

	if (!rss.bytes) {
		json_member_null(gen, "rss");
		return;
	}
	json_member(gen, "rss");
	yajl_gen_map_open(gen);
	json_member_number(gen, "bytes", rss.bytes);
	json_member(gen, "parts");
	yajl_gen_map_open(gen);
	for (size_t i = 0; i < rss.part_count; i++)
		json_member_number(gen, rss.parts[i].key, rss.parts[i].bytes);
	yajl_gen_map_close(gen);
	json_member_signed(gen, "unaccounted", rss.unaccounted);
	json_member_number(gen, "live_absent", rss.live_absent);
	json_member_string(gen, "verdict", rss.verdict);
	yajl_gen_map_close(gen);
}

void json_maps(yajl_gen gen, struct heap *heap)
{
	struct heap_maps maps = heap_maps(heap);
	const struct heap_vm_figure *vm;
	size_t vm_count = heap_vm(heap, &vm);

	if (maps.state == HEAP_MAPS_OFF) {
		json_member_null(gen, "maps");
		return;
	}
	json_member(gen, "maps");
	yajl_gen_map_open(gen);
	put_calls(gen, &maps);
	json_member_number(gen, "places", maps.places);
	json_member_number(gen, "any_places", maps.any_places);
	json_member_number(gen, "bytes", maps.bytes);
	json_member_signed(gen, "net_bytes", maps.net_bytes);
	put_origins(gen, &maps);
	put_state(gen, &maps);
	yajl_gen_map_close(gen);
	put_sites(gen, heap);
	put_libraries(gen, heap);
	json_vm(gen, vm, vm_count);
	put_rss(gen, heap);
}

static void put_mapping(yajl_gen gen, const struct heap_mapping *mapping)
{
	char text[24];

	yajl_gen_map_open(gen);
	snprintf(text, sizeof(text), "0x%" PRIx64, mapping->address);
	json_member_string(gen, "address", text);
	json_member_number(gen, "size", mapping->size);
	snprintf(text, sizeof(text), "%c%c%c%c", mapping->prot & PROT_READ ? 'r' : '-',
		 mapping->prot & PROT_WRITE ? 'w' : '-', mapping->prot & PROT_EXEC ? 'x' : '-',
		 mapping->shared ? 's' : 'p');
	json_member_string(gen, "permissions", text);
	json_member(gen, "grows_down");
	yajl_gen_bool(gen, mapping->grows_down);
	json_member_string(gen, "file", mapping->file);
	json_member_number(gen, "offset", mapping->offset);
	json_member_string(gen, "origin", mapping->origin);
	if (mapping->site)
		json_member_number(gen, "site", mapping->site);
	else
		json_member_null(gen, "site");
	json_member_number(gen, "tid", mapping->tid);
	json_member_number(gen, "age_ms", mapping->age_ms);
	snprintf(text, sizeof(text), "0x%" PRIx64, mapping->block);
	json_member_string(gen, "block", mapping->block ? text : NULL);
	yajl_gen_map_close(gen);
}

void json_mappings(yajl_gen gen, const struct report *report)
{
	size_t count;
	struct heap_mapping *list = heap_mappings(report->heap, report->query.now_ms, &count);

	json_member(gen, "mappings");
	yajl_gen_array_open(gen);
	for (size_t i = 0; i < count; i++)
		put_mapping(gen, &list[i]);
	yajl_gen_array_close(gen);
	free(list);
}
