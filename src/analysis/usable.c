/* glibc has the size of a block's chunk in the word in front of it, and flags in the lowest bits
 * (malloc/malloc.c, "struct malloc_chunk"). A chunk is as large as what was asked for needs, or
 * one step more, or up to a page where pvalloc or mmap has rounded it; larger ones are those of
 * blocks that a thread has just given back, which is not known yet.
 *
 * Other allocators do not tell so: then nothing is known; nor where memory goes meanwhile, for a
 * look at many blocks takes too long to hold anybody for it. */
#include "usable.h"

#include <sys/uio.h>

#include "proc_maps.h"

#define WORD sizeof(uint64_t)
#define STEP 16
#define LEAST 32
#define MAPPED 2
#define FLAGS 7
#define AT_ONCE 512 /* blocks */
#define ROUNDED_MOST (2u << 20) /* bytes: a huge page */

bool usable_is_glibcs(const struct heap *heap)
{
	const struct module *last = NULL;

	for (size_t i = 0; i < heap->functions.count; i++) {
		const struct function *function = &heap->functions.list[i];
		const struct catalog_entry *entry = &catalog[function->entry];

		if (!function->calls || entry->role > CATALOG_REALLOC || entry->beside ||
		    function->module == last)
			continue;
		last = function->module;
		if (catalog_is_added(function->entry) || !last->is_glibc)
			return false;
	}
	return true;
}

static uint64_t needed(uint64_t requested)
{
	uint64_t need = (requested + WORD + STEP - 1) & ~(uint64_t)(STEP - 1);

	return need < LEAST ? LEAST : need;
}

uint64_t usable_by_rule(uint64_t requested)
{
	return needed(requested) - WORD;
}

static uint64_t usable_of(uint64_t word, uint64_t requested)
{
	uint64_t need = needed(requested);
	uint64_t chunk = word & ~(uint64_t)FLAGS;

	if (chunk < need || chunk - need > ROUNDED_MOST)
		chunk = need;
	return chunk - (word & MAPPED ? 2 * WORD : WORD);
}

/* A copy of a string is libc's, but its memory may be another allocator's that stands before
 * libc's. */
static bool is_foreign(const struct heap *heap, const struct function *function)
{
	if (!catalog[function->entry].is_string)
		return false;
	for (size_t i = 0; i < heap->functions.count; i++) {
		const struct function *other = &heap->functions.list[i];

		if (other->entry == catalog_find("malloc") && !other->module->is_glibc)
			return true;
	}
	return false;
}

uint64_t usable_of_new(const struct heap *heap, const struct function *function, uint64_t word,
                       uint64_t requested)
{
	uint64_t need = needed(requested), chunk = word & ~(uint64_t)FLAGS;

	if (!word || !function->has_usable || chunk < need || chunk - need > ROUNDED_MOST ||
	    is_foreign(heap, function))
		return 0;
	return usable_of(word, requested);
}

uint64_t usable_of_old(const struct function *function, uint64_t word)
{
	uint64_t chunk = word & ~(uint64_t)FLAGS;

	if (!function->has_usable || chunk < LEAST)
		return 0;
	return chunk - (word & MAPPED ? 2 * WORD : WORD);
}

/* Of the blocks from *at on, as many as fit. False: their memory is not there. */
static bool add_some(const struct heap *heap, pid_t pid, size_t *at, uint64_t *sum)
{
	struct iovec ours, theirs[AT_ONCE];
	uint64_t words[AT_ONCE], sizes[AT_ONCE];
	const struct live_block *block;
	size_t count = 0;

	while (count < AT_ONCE && (block = live_next(&heap->live, at))) {
		if (block->addr & LIVE_BESIDE)
			continue;
		theirs[count] = (struct iovec){ (void *)(uintptr_t)(block->addr - WORD), WORD };
		sizes[count++] = block->block.size;
	}
	ours = (struct iovec){ words, count * WORD };
	if (count && process_vm_readv(pid, &ours, 1, theirs, count, 0) != (ssize_t)ours.iov_len)
		return false;
	for (size_t i = 0; i < count; i++)
		*sum += usable_of(words[i], sizes[i]);
	return true;
}

static uint64_t events(const struct heap *heap)
{
	return heap->totals.allocs + heap->totals.frees;
}

static bool is_compared(const struct heap *heap)
{
	return heap->maps.state == HEAP_MAPS_IDENTICAL || heap->maps.state == HEAP_MAPS_DIFFER;
}

void heap_look_at_usable(struct heap *heap)
{
	size_t at = 0, before;
	bool known = heap->options.usable && is_compared(heap) && usable_is_glibcs(heap);
	pid_t pid = known ? proc_with_memory(heap->program.pid) : 0;

	heap->usable.bytes = 0;
	do {
		before = at;
		known = known && add_some(heap, pid, &at, &heap->usable.bytes);
	} while (known && at != before);
	heap->usable.known = known;
	heap->usable.events = events(heap);
}

bool heap_usable(const struct heap *heap, uint64_t *bytes)
{
	*bytes = heap->usable.bytes;
	return heap->usable.known && heap->usable.events == events(heap);
}
