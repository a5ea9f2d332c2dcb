/* Each mapping by itself. */
#include <stdlib.h>

#include "map_origin.h"
#include "model.h"

#define PAGE UINT64_C(4096)
#define LARGE (UINT64_C(64) << 10) /* of smaller blocks none has a mapping of its own */

const char *heap_origin_name(const struct heap *heap, unsigned origin)
{
	return map_origin_name(heap, origin);
}

/* Where the large blocks begin: page -> address. Short of memory some are missing. */
static void find_large(const struct heap *heap, struct table *large)
{
	const struct live_block *one;
	uint64_t *at;

	for (size_t i = 0; (one = live_next(&heap->live, &i));)
		if (one->block.size >= LARGE && (at = table_put(large, one->addr & ~(PAGE - 1))))
			*at = one->addr;
}

/* One that begins it, as behind an allocator's header, and fills the better part of it. */
static taddr_t block_of(const struct heap *heap, const struct table *large, const struct vma *vma)
{
	const uint64_t *addr = table_find(large, vma->begin);
	uint64_t size = addr ? live_at(&heap->live, *addr)->size : 0;

	return addr && *addr + size <= vma->end && size > (vma->end - vma->begin) / 2 ? *addr : 0;
}

static struct heap_mapping mapping_of(const struct heap *heap, const struct table *large,
                                      const struct vma *vma, uint64_t now_ms)
{
	const struct maps *maps = &heap->maps;
	int64_t since_ms = (int64_t)(vma->time_ns - heap->program.began_ns) / 1000000;
	int64_t age = (int64_t)now_ms - since_ms;
	bool is_file = vma->flags & VMA_FILE;

	return (struct heap_mapping){
		.address = vma->begin, .size = vma->end - vma->begin, .prot = vma->prot,
		.shared = vma->flags & VMA_SHARED, .grows_down = vma->flags & VMA_GROWS_DOWN,
		.file = is_file ? residence_path(&maps->residence, vma->inode, vma->dev) : NULL,
		.offset = is_file ? vma->offset : 0,
		.origin = map_origin_name(heap, vma->origin),
		.site = vma->site < heap->sites.count ? heap->sites.sites[vma->site].view.id : 0,
		.tid = vma->tid, .age_ms = age > 0 ? (uint64_t)age : 0,
		.block = block_of(heap, large, vma),
	};
}

struct heap_mapping *heap_mappings(struct heap *heap, uint64_t now_ms, size_t *count)
{
	struct heap_maps maps = heap_maps(heap);
	struct heap_mapping *list;
	struct table large = { 0 };
	const struct vma *vma;
	size_t most = 0;

	for (size_t i = 0; i < maps.origin_count; i++)
		most += maps.origins[i].maps;
	*count = 0;
	list = calloc(most + 1, sizeof(*list));
	if (!list)
		return NULL;
	find_large(heap, &large);
	for (taddr_t at = 0; (vma = vmas_next(&heap->maps.space.vmas, at)); at = vma->end)
		list[(*count)++] = mapping_of(heap, &large, vma, now_ms);
	table_deinit(&large);
	return list;
}
