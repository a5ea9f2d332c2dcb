/* What is mapped, as a report asks for it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "map_origin.h"
#include "model.h"

struct heap_maps heap_maps(struct heap *heap)
{
	struct maps *maps = &heap->maps;
	struct heap_maps out = { .state = maps->known ? maps->state : HEAP_MAPS_OFF,
		                 .differences = maps->differences, .unordered = maps->unordered,
		                 .truncated_stacks = maps->truncated_stacks,
		                 .calls = maps->calls, .origins = maps->origins };
	const struct vma *vma;

	out.origin_count = HEAP_ORIGINS + maps->name_count;
	for (size_t i = 0; i < out.origin_count; i++) {
		maps->origins[i].name = map_origin_name(heap, i);
		maps->origins[i].bytes = maps->origins[i].maps = 0;
	}
	for (taddr_t at = 0; (vma = vmas_next(&maps->space.vmas, at)); at = vma->end) {
		maps->origins[vma->origin].bytes += vma->end - vma->begin;
		maps->origins[vma->origin].maps++;
		out.bytes += vma->end - vma->begin;
	}
	for (size_t i = 0; i < heap->modules.mapped_count; i++) {
		out.places += heap->modules.mapped[i]->map_calls;
		out.any_places += heap->modules.mapped[i]->any_calls;
	}
	out.resident_known = maps->residence.known;
	out.net_bytes = (int64_t)(out.bytes - maps->first_bytes);
	return out;
}

static int by_bytes(const void *a, const void *b)
{
	const struct heap_map_site *x = a, *y = b;

	return x->bytes > y->bytes ? -1 : x->bytes < y->bytes ? 1 : x->id < y->id ? -1 : 1;
}

/* Rows by site, with gaps; then without. */
static size_t gather(const struct heap *heap, struct heap_map_site *list)
{
	const struct vma *vma;
	size_t count = 0;

	for (taddr_t at = 0; (vma = vmas_next(&heap->maps.space.vmas, at)); at = vma->end) {
		if (vma->site >= heap->sites.count)
			continue;
		list[vma->site].bytes += vma->end - vma->begin;
		list[vma->site].maps++;
		list[vma->site].origin = map_origin_name(heap, vma->origin);
	}
	for (size_t i = 0; i < heap->sites.count; i++) {
		const struct site *site = &heap->sites.sites[i];

		if (!list[i].maps)
			continue;
		list[count] = list[i];
		list[count].id = site->view.id;
		list[count].call = site->view.function;
		list[count].resident = site->map_resident;
		list[count].calls = site->map_calls;
		list[count].first_ms = site->view.first_ms;
		list[count++].last_ms = site->view.last_ms;
	}
	return count;
}

struct heap_map_site *heap_map_sites(struct heap *heap, size_t *count)
{
	struct heap_map_site *list = calloc(heap->sites.count + 1, sizeof(*list));

	*count = list ? gather(heap, list) : 0;
	if (*count)
		qsort(list, *count, sizeof(*list), by_bytes);
	return list;
}

/* ---- libraries ---------------------------------------------------------------------------- */

struct libraries {
	struct heap_library *list;
	size_t count;
};

static struct heap_library *library(struct libraries *libraries, const char *path)
{
	for (size_t i = 0; i < libraries->count; i++)
		if (strcmp(libraries->list[i].path, path) == 0)
			return &libraries->list[i];
	libraries->list[libraries->count].path = path;
	return &libraries->list[libraries->count++];
}

/* First the files, which have no equals among them. */
static void add_files(struct libraries *libraries, const struct residence *residence)
{
	for (size_t i = 0; i < residence->file_count; i++)
		libraries->list[libraries->count++] = (struct heap_library){
			.path = residence->files[i].path, .file = residence->files[i].bytes,
			.file_resident = residence->files[i].resident,
		};
}

static struct heap_library *library_of(struct libraries *libraries, const struct heap *heap,
                                       const struct site *site)
{
	const struct module *module = map_origin_module(heap, site);

	return library(libraries, module ? module->path : "[anon]");
}

static void add_mapped(struct libraries *libraries, const struct heap *heap)
{
	const struct sites *sites = &heap->sites;
	const struct vma *vma;

	for (taddr_t at = 0; (vma = vmas_next(&heap->maps.space.vmas, at)); at = vma->end)
		if (vma->site < sites->count && !(vma->flags & VMA_FILE))
			library_of(libraries, heap, &sites->sites[vma->site])->mapped +=
				vma->end - vma->begin;
	for (size_t i = 0; i < sites->count; i++)
		if (sites->sites[i].map_resident_own)
			library_of(libraries, heap, &sites->sites[i])->mapped_resident +=
				sites->sites[i].map_resident_own;
}

static int by_resident(const void *a, const void *b)
{
	const struct heap_library *x = a, *y = b;
	uint64_t in_x = x->mapped_resident + x->file_resident;
	uint64_t in_y = y->mapped_resident + y->file_resident;

	return in_x > in_y ? -1 : in_x < in_y ? 1 : strcmp(x->path, y->path);
}

struct heap_library *heap_libraries(struct heap *heap, size_t *count)
{
	size_t most = heap->maps.residence.file_count + heap->modules.count + 1;
	struct libraries libraries = { .list = calloc(most, sizeof(*libraries.list)) };

	if (libraries.list) {
		add_files(&libraries, &heap->maps.residence);
		add_mapped(&libraries, heap);
		if (libraries.count)
			qsort(libraries.list, libraries.count, sizeof(*libraries.list), by_resident);
	}
	*count = libraries.count;
	return libraries.list;
}

/* ---- what the memory is for ------------------------------------------------------------------ */

size_t heap_vm(const struct heap *heap, const struct heap_vm_figure **figures)
{
	*figures = heap->maps.vm.figures;
	return heap->maps.residence.known && heap->maps.vm.known ? HEAP_VM_FIGURES : 0;
}

#define TRIM "malloc_trim(3) gives back what is free of it; MALLOC_ARENA_MAX, or fewer threads, " \
             "keep it lower"

static const struct {
	const char *key, *name, *verdict; /* when it is the largest */
} rss_parts[RSS_PARTS] = {
	[RSS_LIVE] = { "live", "live blocks, as requested", "live blocks: the sites tell whose" },
	[RSS_ALLOCATOR] = { "allocator", "the allocator's: overhead, and free but held",
	                    "what the allocator holds beside live blocks: " TRIM },
	[RSS_APP] = { "app", "mapped by the program",
	              "mapped by the program itself: the sites that map tell by whom" },
	[RSS_LIBC] = { "libc", "mapped by libc", "what libc maps for itself" },
	[RSS_LOADER] = { "loader", "mapped by the loader (.bss and its own)",
	                 "variables of the program and its libraries" },
	[RSS_EARLIER] = { "earlier", "mapped before the attach, or by whom is not known",
	                  "mapped before the attach: a trace from the start tells by whom" },
	[RSS_STACKS] = { "stacks", "stacks", "stacks: fewer threads, or smaller stacks "
	                 "(pthread_attr_setstacksize(3)), keep it lower" },
	[RSS_COPIES] = { "file_copies", "pages of files that it has written (.data)",
	                 "pages of files that were written, each process its own" },
	[RSS_FILES] = { "files", "pages of files", "pages of files, which the kernel can drop" },
	[RSS_SHARED] = { "shared_memory", "shared memory", "shared memory" },
	[RSS_KERNEL] = { "kernel", "mapped by the kernel with the program",
	                 "mapped by the kernel with the program" },
};

/* Where not all blocks are known, what is not is the allocator's. */
static const char part_of_unknown_blocks[] = "the allocator's: blocks that are not known, "
                                             "overhead, and free but held";
static const char verdict_on_unknown_blocks[] = "the allocator's: how much of that is live only a "
                                                "trace from the program's start can tell";

/* Free memory that is held may be worth a word though it is not the largest part. */
static void judge(struct heap *heap, size_t largest, bool all_known, uint64_t rss)
{
	const uint64_t *parts = heap->maps.residence.parts;
	char *verdict = heap->maps.verdict;
	size_t room = sizeof(heap->maps.verdict), len;

	len = snprintf(verdict, room, "The largest part is %s.",
	               largest == RSS_ALLOCATOR && !all_known ? verdict_on_unknown_blocks :
	                                                        rss_parts[largest].verdict);
	if (all_known && largest != RSS_ALLOCATOR && parts[RSS_ALLOCATOR] > rss / 4)
		snprintf(verdict + len, room - len, " Much is %s.",
		         rss_parts[RSS_ALLOCATOR].verdict);
}

static void fill_parts(const struct residence *residence, struct heap_rss_part *parts)
{
	for (size_t i = 0; i < RSS_PARTS; i++)
		parts[i] = (struct heap_rss_part){ rss_parts[i].name, rss_parts[i].key,
			                           residence->parts[i] };
}

struct heap_rss heap_rss(struct heap *heap)
{
	const struct residence *residence = &heap->maps.residence;
	struct heap_rss_part *parts = heap->maps.rss_parts;
	struct heap_rss rss = { .parts = parts, .part_count = RSS_PARTS };
	bool all_known = !heap->attached && !heap->options.growth;
	size_t largest = 0;

	if (!residence->has_parts)
		return (struct heap_rss){ 0 };
	fill_parts(residence, parts);
	if (!all_known)
		parts[RSS_ALLOCATOR].name = part_of_unknown_blocks;
	rss.bytes = vm_rss(&heap->maps.vm);
	rss.live_absent = residence->live_absent;
	rss.unaccounted = (int64_t)rss.bytes;
	for (size_t i = 0; i < RSS_PARTS; i++) {
		rss.unaccounted -= (int64_t)parts[i].bytes;
		if (parts[i].bytes > parts[largest].bytes)
			largest = i;
	}
	judge(heap, largest, all_known, rss.bytes);
	rss.verdict = heap->maps.verdict;
	return rss;
}
