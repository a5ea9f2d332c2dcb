/* A heap that is made of a recording: events go the way they went, account.c's. */
#include "replay.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "account.h"
#include "kept.h"
#include "maps.h"
#include "view.h"

#define CATALOGUE_MAX 4096 /* rows, ours and theirs */

/* ---- the catalogue --------------------------------------------------------------------- */

void heap_save_catalogue(struct wire *to)
{
	wire_number(to, catalog_count);
	for (unsigned i = 0; i < catalog_count; i++) {
		wire_text(to, catalog[i].symbol);
		wire_text(to, catalog[i].name);
		wire_number(to, catalog[i].role);
	}
}

static bool is_row(unsigned i, const char *symbol, const char *name, uint64_t role)
{
	return i < catalog_count && catalog[i].role == role &&
	       strcmp(catalog[i].symbol, symbol) == 0 && strcmp(catalog[i].name, name) == 0;
}

/* Both stay, as the row does. */
static int add_row(char *name, enum catalog_role role)
{
	static const enum fn_kind kinds[] = { [CATALOG_ALLOC] = FN_ALLOC,
		                              [CATALOG_REALLOC] = FN_REALLOC,
		                              [CATALOG_FREE] = FN_FREE, [CATALOG_REF] = FN_REF,
		                              [CATALOG_UNREF] = FN_UNREF };
	const struct fn fn = { .label = name,
		               .kind = role < countof(kinds) ? kinds[role] : FN_ALLOC,
		               .size = FN_NONE, .count = FN_NONE, .block = FN_NONE,
		               .next = FN_NONE, .chain = FN_NONE, .out = FN_NONE };

	return catalog_count < CATALOGUE_MAX ? catalog_add(&fn, 1) : CATALOG_NONE;
}

/* Most stand where they stood. */
static int find_row(unsigned at, const char *symbol, const char *name, uint64_t role)
{
	if (is_row(at, symbol, name, role))
		return (int)at;
	for (unsigned i = 0; i < catalog_count; i++)
		if (is_row(i, symbol, name, role))
			return (int)i;
	return CATALOG_NONE;
}

static bool load_row(struct replay_catalogue *catalogue, size_t at, struct wire_reader *from)
{
	char *symbol = wire_take_text(from), *name = wire_take_text(from);
	uint64_t role = wire_take_most(from, CATALOG_LOADER);
	int row = CATALOG_NONE;

	if (symbol && name && !from->failed)
		row = find_row(at, symbol, name, role);
	if (row == CATALOG_NONE && symbol && name && !from->failed &&
	    (row = add_row(name, role)) != CATALOG_NONE)
		name = NULL;
	catalogue->entries[at] = row;
	free(symbol);
	free(name);
	return row != CATALOG_NONE;
}

struct replay_catalogue *replay_catalogue_load(struct wire_reader *from)
{
	struct replay_catalogue *catalogue = calloc(1, sizeof(*catalogue));
	size_t count = wire_take_count(from, 3);

	if (!catalogue)
		return NULL;
	catalogue->entries = calloc(count + 1, sizeof(*catalogue->entries));
	for (; catalogue->entries && catalogue->count < count; catalogue->count++)
		if (!load_row(catalogue, catalogue->count, from))
			break;
	if (catalogue->entries && catalogue->count == count && !from->failed)
		return catalogue;
	replay_catalogue_free(catalogue);
	return NULL;
}

void replay_catalogue_free(struct replay_catalogue *catalogue)
{
	if (catalogue)
		free(catalogue->entries);
	free(catalogue);
}

/* ---- a heap ---------------------------------------------------------------------------- */

struct heap *replay_new(const struct analysis_options *options,
                        const struct replay_catalogue *catalogue)
{
	struct heap *heap = model_new(options);

	if (!heap)
		return NULL;
	heap->kept = calloc(1, sizeof(*heap->kept));
	if (!heap->kept) {
		heap_free(heap);
		return NULL;
	}
	heap->kept->catalogue = catalogue;
	model_reset_stats(heap);
	return heap;
}

/* What each of them takes from the event must be there. */
static const struct {
	bool entry, block_site, map;
} wants[HEAP_EVENTS] = {
	[HEAP_EVENT_ALLOC] = { .entry = true, .block_site = true },
	[HEAP_EVENT_REALLOC] = { .entry = true, .block_site = true },
	[HEAP_EVENT_FREE] = { .entry = true },
	[HEAP_EVENT_REALLOC_BEGIN] = { .entry = true },
	[HEAP_EVENT_REF] = { .entry = true },
	[HEAP_EVENT_UNREF] = { .entry = true },
	[HEAP_EVENT_MAP] = { .map = true },
};

static bool is_sane(uint64_t n)
{
	return n < SANE;
}

/* That the kernel has done it tells that it is. */
static bool is_sane_call(const struct map_call *call)
{
	bool free_place = call->kind == MAP_CALL_MMAP && !(call->args[3] & MAP_FIXED);
	bool no_place = call->kind == MAP_CALL_BRK || call->kind == MAP_CALL_IO_SETUP;

	if (call->kind == MAP_CALL_NONE || call->kind >= MAP_CALLS || !is_sane(call->mapped) ||
	    !is_sane(call->address))
		return false;
	if (map_call_failed(call))
		return !(call->gone || call->mapped) ||
		       (is_sane(call->args[0]) && is_sane(call->args[1]) &&
		        is_sane(call->args[2]) && is_sane(call->args[4]));
	return is_sane((uint64_t)call->result) && (free_place || no_place || is_sane(call->args[0])) &&
	       (no_place || is_sane(call->args[1])) &&
	       (call->kind != MAP_CALL_MREMAP || is_sane(call->args[2])) &&
	       (call->kind != MAP_CALL_REMAP_PAGES || is_sane(call->args[3] << 12));
}

static bool makes_sense(const struct heap *heap, const struct heap_event *event)
{
	if (event->kind >= HEAP_EVENTS || !event->tid || event->site > heap->sites.count)
		return false;
	if (wants[event->kind].entry && event->entry == CATALOG_NONE)
		return false;
	if (wants[event->kind].block_site && event->block && !event->site)
		return false;
	return !wants[event->kind].map ||
	       (event->call && is_sane_call(event->call) &&
	        event->origin < HEAP_ORIGINS + heap->maps.name_count);
}

bool replay_apply(struct heap *heap, struct heap_event *event)
{
	const struct replay_catalogue *catalogue = heap->kept->catalogue;

	event->entry = event->entry >= 0 && (size_t)event->entry < catalogue->count ?
	                       catalogue->entries[event->entry] : CATALOG_NONE;
	if (!makes_sense(heap, event))
		return false;
	heap->now_ns = event->time_ns;
	account_apply(heap, event);
	return true;
}

bool replay_is_growth(const struct heap *heap)
{
	return heap->options.growth;
}

void replay_moment(struct heap *heap, uint64_t now_ns)
{
	heap->now_ns = now_ns;
	maps_lost(heap);
}
