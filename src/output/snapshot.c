#include "snapshot.h"

#include <stdlib.h>
#include <string.h>

static char *copy(const char *text, bool *whole)
{
	char *made = text ? strdup(text) : NULL;

	*whole &= made || !text;
	return made;
}

static struct snapshot_frame frame_of(const struct heap_frame *from, bool *whole)
{
	return (struct snapshot_frame){
		.function = copy(from->function, whole), .module = copy(from->module, whole),
		.file = copy(from->file, whole), .offset = from->offset, .line = from->line,
		.inlined = from->inlined
	};
}

static void take_site(struct snapshot_site *site, struct heap *heap, const struct heap_site *from,
                      bool *whole)
{
	size_t depth;
	const struct heap_frame *stack = heap_stack(heap, from->id, &depth);

	*site = (struct snapshot_site){ .function = copy(from->function, whole),
		                        .live_blocks = from->live_blocks,
		                        .live_bytes = from->live_bytes, .allocs = from->allocs,
		                        .stack = calloc(depth + 1, sizeof(*site->stack)) };
	*whole &= site->stack != NULL;
	for (; site->stack && site->depth < depth; site->depth++)
		site->stack[site->depth] = frame_of(&stack[site->depth], whole);
}

struct snapshot *snapshot_of(struct heap *heap, uint64_t time_ms)
{
	const struct heap_query all = { 0 };
	const struct heap_totals *totals = heap_totals(heap);
	struct snapshot *snapshot = calloc(1, sizeof(*snapshot));
	struct heap_site *sites;
	bool whole = true;
	size_t count;

	if (!snapshot)
		return NULL;
	sites = heap_sites(heap, &all, &count);
	snapshot->sites = calloc(count + 1, sizeof(*snapshot->sites));
	for (; snapshot->sites && whole && snapshot->count < count; snapshot->count++)
		take_site(&snapshot->sites[snapshot->count], heap, &sites[snapshot->count], &whole);
	free(sites);
	snapshot->time_ms = time_ms;
	snapshot->live_blocks = totals->live_blocks;
	snapshot->live_bytes = totals->live_bytes;
	if (snapshot->sites && whole)
		return snapshot;
	snapshot_free(snapshot);
	return NULL;
}

static void site_deinit(struct snapshot_site *site)
{
	for (size_t i = 0; i < site->depth; i++) {
		free(site->stack[i].function);
		free(site->stack[i].module);
		free(site->stack[i].file);
	}
	free(site->stack);
	free(site->function);
}

void snapshot_free(struct snapshot *snapshot)
{
	if (!snapshot)
		return;
	for (size_t i = 0; i < snapshot->count; i++)
		site_deinit(&snapshot->sites[i]);
	free(snapshot->sites);
	free(snapshot->exe);
	free(snapshot);
}
