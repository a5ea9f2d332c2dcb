/* /proc/PID/smaps tells of each mapping of the kernel's how much is in memory. The kernel
 * makes one of neighbours that two sites have mapped: there the pages themselves are asked.
 * So they are where live blocks are told from what the allocator holds beside them. */
#include "residence.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model.h"
#include "pagemap.h"
#include "proc_maps.h"

struct range { /* of pages in memory */
	taddr_t begin, end;
	enum rss_part part;
	uint64_t left; /* bytes that no live block was found in */
};

struct look {
	struct heap *heap;
	int pagemap;
	struct range *ranges; /* ascending */
	size_t count, capacity;
	enum rss_part part; /* of those that are being added */
};

/* ---- files ----------------------------------------------------------------------------- */

static bool is_file(const struct mapping *mapping)
{
	return mapping->inode || *mapping->name == '/';
}

/* Memory that has a name, but no file: shmget(2), memfd_create(2), shared anonymous memory. */
static bool is_shared_memory(const char *name)
{
	static const char *const names[] = { "/SYSV", "/memfd:", "/dev/zero", "/dev/shm/" };

	for (size_t i = 0; i < countof(names); i++)
		if (strncmp(name, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

static struct resident_file *file_of(struct residence *residence,
                                     const struct mapping *mapping)
{
	size_t count = residence->file_count, capacity = count ? 2 * count : 64;
	struct resident_file *last = count ? &residence->files[count - 1] : NULL, *grown;

	if (last && strcmp(last->path, mapping->name) == 0)
		return last;
	if (count == residence->file_capacity) {
		grown = realloc(residence->files, capacity * sizeof(*grown));
		if (!grown)
			return NULL;
		residence->files = grown;
		residence->file_capacity = capacity;
	}
	last = &residence->files[count];
	*last = (struct resident_file){ .path = strdup(mapping->name),
		                        .inode = mapping->inode, .dev = mapping->dev };
	if (!last->path)
		return NULL;
	residence->file_count++;
	return last;
}

static void see_file(struct residence *residence, const struct mapping *mapping)
{
	struct resident_file *file = file_of(residence, mapping);
	bool shared = is_shared_memory(mapping->name);

	residence->parts[RSS_COPIES] += mapping->anonymous;
	residence->parts[shared ? RSS_SHARED : RSS_FILES] +=
		mapping->resident - mapping->anonymous;
	if (!file)
		return;
	file->bytes += mapping->end - mapping->begin;
	file->resident += mapping->resident;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct resident_file *)a)->path,
	              ((const struct resident_file *)b)->path);
}

static void join_files(struct residence *residence)
{
	size_t kept = 0;

	if (residence->file_count)
		qsort(residence->files, residence->file_count, sizeof(*residence->files), by_path);
	for (size_t i = 0; i < residence->file_count; i++) {
		struct resident_file *file = &residence->files[i];
		struct resident_file *last = kept ? &residence->files[kept - 1] : NULL;

		if (!last || strcmp(last->path, file->path) != 0) {
			residence->files[kept++] = *file;
			continue;
		}
		last->bytes += file->bytes;
		last->resident += file->resident;
		free(file->path);
	}
	residence->file_count = kept;
}

/* ---- ranges ------------------------------------------------------------------------------ */

static enum rss_part part_of(const struct vma *vma, const struct mapping *mapping)
{
	static const enum rss_part parts[HEAP_ORIGINS] = {
		[HEAP_APP] = RSS_APP, [HEAP_LIBC_MALLOC] = RSS_ALLOCATOR, [HEAP_LIBC] = RSS_LIBC,
		[HEAP_LOADER] = RSS_LOADER, [HEAP_THREAD_STACK] = RSS_STACKS,
		[HEAP_KERNEL] = RSS_KERNEL, [HEAP_EARLIER] = RSS_EARLIER,
		[HEAP_UNSEEN] = RSS_EARLIER,
	};

	if (strcmp(mapping->name, "[stack]") == 0)
		return RSS_STACKS;
	return vma->origin < HEAP_ORIGINS ? parts[vma->origin] : RSS_ALLOCATOR;
}

static bool add_range(void *ctx, taddr_t begin, taddr_t end)
{
	struct look *look = ctx;
	size_t capacity = look->capacity ? 2 * look->capacity : 256;
	struct range *grown;

	if (look->count == look->capacity) {
		grown = realloc(look->ranges, capacity * sizeof(*grown));
		if (!grown)
			return false;
		look->ranges = grown;
		look->capacity = capacity;
	}
	look->ranges[look->count++] = (struct range){ begin, end, look->part, end - begin };
	look->heap->maps.residence.parts[look->part] += end - begin;
	return true;
}

/* The first that ends above addr. */
static size_t range_at(const struct look *look, taddr_t addr)
{
	size_t low = 0, high = look->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (look->ranges[middle].end <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* What of a live block is in memory is no other part's. Two blocks lie over each other when
 * one's memory was given back past the allocator: it counts once. */
static uint64_t move_to_live(const struct look *look, taddr_t begin, taddr_t end)
{
	uint64_t *parts = look->heap->maps.residence.parts, bytes = 0;

	for (size_t i = range_at(look, begin); i < look->count && look->ranges[i].begin < end; i++) {
		struct range *range = &look->ranges[i];
		taddr_t from = range->begin > begin ? range->begin : begin;
		uint64_t len = (range->end < end ? range->end : end) - from;
		uint64_t moved = len < range->left ? len : range->left;

		range->left -= moved;
		parts[range->part] -= moved;
		parts[RSS_LIVE] += moved;
		bytes += len;
	}
	return bytes;
}

static void see_blocks(const struct look *look)
{
	struct residence *residence = &look->heap->maps.residence;
	const struct live_block *one;

	for (size_t at = 0; (one = live_next(&look->heap->live, &at));) {
		uint64_t size = one->block.size;

		if (one->addr & LIVE_BESIDE)
			continue;
		residence->live_absent += size - move_to_live(look, one->addr, one->addr + size);
	}
}

/* ---- mappings ---------------------------------------------------------------------------- */

/* The part of the kernel's mapping that is the one we know. */
static void see_part(struct look *look, const struct mapping *mapping, const struct vma *vma)
{
	struct heap *heap = look->heap;
	struct maps *maps = &heap->maps;
	taddr_t begin = vma->begin > mapping->begin ? vma->begin : mapping->begin;
	taddr_t end = vma->end < mapping->end ? vma->end : mapping->end;
	bool whole = begin == mapping->begin && end == mapping->end;
	uint64_t bytes = whole ? mapping->resident : pagemap_bytes(look->pagemap, begin, end);

	maps->origins[vma->origin].resident += bytes;
	if (vma->site < heap->sites.count) {
		heap->sites.sites[vma->site].map_resident += bytes;
		heap->sites.sites[vma->site].map_resident_own += is_file(mapping) ? 0 : bytes;
	}
	if (!maps->residence.has_parts || is_file(mapping))
		return;
	look->part = part_of(vma, mapping);
	pagemap_each(look->pagemap, begin, end, add_range, look);
}

static void see(struct look *look, const struct mapping *mapping)
{
	const struct vmas *vmas = &look->heap->maps.space.vmas;
	const struct vma *vma = vmas_next(vmas, mapping->begin);

	if (is_file(mapping))
		see_file(&look->heap->maps.residence, mapping);
	for (; mapping->resident && vma && vma->begin < mapping->end;
	     vma = vmas_next(vmas, vma->end))
		see_part(look, mapping, vma);
}

void residence_forget(struct heap *heap)
{
	residence_deinit(&heap->maps.residence);
	for (size_t i = 0; i < countof(heap->maps.origins); i++)
		heap->maps.origins[i].resident = 0;
	for (size_t i = 0; i < heap->sites.count; i++)
		heap->sites.sites[i].map_resident = heap->sites.sites[i].map_resident_own = 0;
}

void residence_look(struct heap *heap)
{
	struct residence *residence = &heap->maps.residence;
	struct look look = { .heap = heap, .pagemap = pagemap_open(heap->program.pid) };
	struct proc_maps list = { .file = proc_smaps_open(heap->program.pid) };
	struct mapping mapping;

	residence_forget(heap);
	residence->has_parts = heap->options.rss && look.pagemap >= 0;
	while (list.file && proc_maps_next(&list, &mapping))
		see(&look, &mapping);
	residence->known = list.file && feof(list.file);
	if (residence->has_parts)
		see_blocks(&look);
	join_files(residence);
	proc_maps_deinit(&list);
	if (list.file)
		fclose(list.file);
	if (look.pagemap >= 0)
		close(look.pagemap);
	free(look.ranges);
}

const char *residence_path(const struct residence *residence, uint64_t inode, uint64_t dev)
{
	for (size_t i = 0; i < residence->file_count; i++)
		if (residence->files[i].inode == inode && residence->files[i].dev == dev)
			return residence->files[i].path;
	return NULL;
}

void residence_deinit(struct residence *residence)
{
	for (size_t i = 0; i < residence->file_count; i++)
		free(residence->files[i].path);
	free(residence->files);
	*residence = (struct residence){ 0 };
}
