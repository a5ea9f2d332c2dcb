#include "errors.h"

#include <stdlib.h>
#include <string.h>

#include "trust.h"

#define SCANS 2000 /* looks at all live blocks */
#define KEPT 1000 /* different ones; the ledger counts all */

/* ---- families --------------------------------------------------------------------------- */

enum family { FAMILY_MALLOC, FAMILY_NEW, FAMILY_NEW_ARRAY, FAMILY_OTHER };

/* By what the Itanium C++ ABI calls them. */
static const struct {
	const char *begins;
	enum family family;
} families[] = {
	{ "_Znw", FAMILY_NEW }, { "_Zdl", FAMILY_NEW },
	{ "_Zna", FAMILY_NEW_ARRAY }, { "_Zda", FAMILY_NEW_ARRAY },
};

static enum family family_of(int entry)
{
	if (catalog_is_added(entry))
		return FAMILY_OTHER;
	for (size_t i = 0; i < countof(families); i++)
		if (strncmp(catalog[entry].symbol, families[i].begins, 4) == 0)
			return families[i].family;
	return FAMILY_MALLOC;
}

/* Where a compiler has an operator before it, it may put what that calls in its place. */
static bool may_be_inlined(const struct heap *heap, uint32_t index)
{
	const struct site *site = index == SITE_NONE ? NULL : &heap->sites.sites[index];
	const struct frame *caller =
		site ? site_frame_at(&heap->sites, site->stack, site->folded) : NULL;

	return !caller || !caller->module || caller->module->has_operators;
}

bool errors_mismatch(const struct heap *heap, const struct block *block, int entry, uint32_t site)
{
	enum family freed = family_of(entry);
	enum family allocated = family_of(heap->sites.sites[block->site].entry);

	return heap->options.mismatches && freed != allocated && freed != FAMILY_OTHER &&
	       allocated != FAMILY_OTHER && !may_be_inlined(heap, block->site) &&
	       !may_be_inlined(heap, site);
}

/* ---- the list --------------------------------------------------------------------------- */

void errors_clear(struct errors *errors)
{
	*errors = (struct errors){ .list = errors->list };
}

static bool is_same(const struct heap_error *a, const struct heap_error *b)
{
	return a->kind == b->kind && a->site == b->site && a->alloc_site == b->alloc_site &&
	       strcmp(a->function, b->function) == 0 && (a->site || a->address == b->address);
}

static struct heap_error *find(struct errors *errors, const struct heap_error *error)
{
	for (size_t i = 0; i < errors->count; i++)
		if (is_same(&errors->list[i], error))
			return &errors->list[i];
	return NULL;
}

static void keep(struct errors *errors, const struct heap_error *error)
{
	struct heap_error *grown;

	if (errors->count == KEPT)
		return;
	grown = realloc(errors->list, (errors->count + 1) * sizeof(*grown));
	if (!grown)
		return;
	errors->list = grown;
	grown[errors->count++] = *error;
}

taddr_t errors_block_around(struct heap *heap, taddr_t addr)
{
	const struct live_block *one;

	if (heap->errors.scans == SCANS)
		return 0;
	heap->errors.scans++;

	for (size_t at = 0; (one = live_next(&heap->live, &at));)
		if (addr > one->addr && addr - one->addr < one->block.size)
			return one->addr;
	return 0;
}

/* The block meant, as far as it is known. */
static void tell_block(const struct heap *heap, const struct bad_free *bad, struct heap_error *error)
{
	const struct live_block *freed = live_freed(&heap->live, bad->addr);
	const struct block *block = bad->around ? live_at(&heap->live, bad->around) : bad->block;

	if (block) {
		error->block = (bad->around ? bad->around : bad->addr) & ~LIVE_BESIDE;
		error->size = block->size;
		error->alloc_site = block->site + 1;
	} else if (freed) {
		error->block = freed->addr & ~LIVE_BESIDE;
		error->alloc_site = freed->site + 1;
		error->free_site = freed->free_site;
		error->freed_ms = freed->freed_ms;
	}
}

void errors_add(struct heap *heap, enum heap_error_kind kind, const struct bad_free *bad)
{
	struct heap_error error = {
		.kind = kind, .function = catalog[bad->entry].name,
		.address = bad->addr & ~LIVE_BESIDE, .tid = bad->tid,
		.site = site_id(bad->site),
		.time_ms = model_since_begin_ms(heap), .count = 1,
		.by = bad->by,
		.doubted = bad->by < heap->functions.count &&
		           trust_is_doubted(&heap->functions.list[bad->by]),
	}, *known;

	tell_block(heap, bad, &error);
	known = find(&heap->errors, &error);
	if (known)
		known->count++;
	else
		keep(&heap->errors, &error);
}

const char *heap_error_name(enum heap_error_kind kind)
{
	static const char *const names[HEAP_ERROR_KINDS] = {
		[HEAP_DOUBLE_FREE] = "double free", [HEAP_MIDDLE_FREE] = "free inside a block",
		[HEAP_WILD_FREE] = "free of what was not allocated",
		[HEAP_MISMATCH] = "free by the wrong function",
	};

	return names[kind];
}

size_t heap_errors(const struct heap *heap, const struct heap_error **list)
{
	*list = heap->errors.list;
	return heap->errors.count;
}
