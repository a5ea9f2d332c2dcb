#include "account.h"

#include "errors.h"
#include "naming.h"
#include "trust.h"
#include "view.h"

/* What the site held at the last peak is what it holds until it changes. */
static void site_changes(const struct heap *heap, struct site *site)
{
	if (site->peak == heap->peaks)
		return;
	site->peak = heap->peaks;
	site->view.at_peak_blocks = site->view.live_blocks;
	site->view.at_peak_bytes = site->view.live_bytes;
}

static void note_peak(struct heap *heap)
{
	struct heap_totals *totals = &heap->totals;

	if (totals->live_bytes <= totals->peak_live_bytes)
		return;
	totals->peak_live_bytes = totals->live_bytes;
	totals->peak_ms = model_since_begin_ms(heap);
	heap->peaks++;
}

static void count_freed(struct heap *heap, const struct block *block)
{
	struct site *site = &heap->sites.sites[block->site];

	site_changes(heap, site);
	site->view.frees++;
	site->view.live_blocks--;
	site->view.live_bytes -= block->size;
	heap->totals.frees++;
	heap->totals.bytes_freed += block->size;
	heap->totals.live_blocks--;
	heap->totals.live_bytes -= block->size;
}

static void count_allocated(struct heap *heap, const struct block *block)
{
	struct heap_site *site = &heap->sites.sites[block->site].view;
	struct heap_totals *totals = &heap->totals;

	site_changes(heap, &heap->sites.sites[block->site]);
	if (!site->allocs++)
		site->first_ms = model_since_begin_ms(heap);
	site->last_ms = model_since_begin_ms(heap);
	heap->sites.sites[block->site].bytes += block->size;
	site->live_blocks++;
	site->live_bytes += block->size;
	if (site->live_bytes > site->peak_bytes)
		site->peak_bytes = site->live_bytes;
	totals->allocs++;
	totals->bytes_allocated += block->size;
	totals->live_blocks++;
	totals->live_bytes += block->size;
	note_peak(heap);
}

static void allocated(struct heap *heap, const struct record_call *call, taddr_t addr,
                      uint64_t size, uint32_t site)
{
	struct block block = { size, site, call->record.tid, call->record.time_ns }, old;
	bool had_old;

	if (!live_add(&heap->live, addr, &block, &old, &had_old)) {
		heap->ledger.missed_calls++;
		return;
	}
	if (had_old) { /* handed out twice: a free in between was missed */
		heap->ledger.missed_calls++;
		count_freed(heap, &old);
	}
	count_allocated(heap, &block);
	heap->sites.sites[site].function = call->function + 1;
}

/* Which the live table has it by. */
static taddr_t key_of(const struct catalog_entry *entry, taddr_t addr)
{
	return addr && entry->beside ? addr | LIVE_BESIDE : addr;
}

/* A free of an address nobody was seen to allocate: whose fault is it? */
static void unknown_free(struct heap *heap, struct bad_free *bad)
{
	const struct module *module = module_at(&heap->modules, bad->addr & ~LIVE_BESIDE);

	if (live_freed(&heap->live, bad->addr)) {
		heap->ledger.double_frees++;
		errors_add(heap, HEAP_DOUBLE_FREE, bad);
	} else if (module && module->is_loader) {
		heap->ledger.loader_frees++;
	} else if (heap->attached) {
		heap->ledger.earlier_frees++;
	} else {
		heap->ledger.unknown_frees++;
		bad->around = errors_block_around(heap, bad->addr);
		errors_add(heap, bad->around ? HEAP_MIDDLE_FREE : HEAP_WILD_FREE, bad);
	}
}

static struct function *function_of(const struct heap *heap, uint32_t number)
{
	return number < heap->functions.count ? &heap->functions.list[number] : NULL;
}

static struct heap_function *stats_of(struct heap *heap, int entry)
{
	return &heap->stats[catalog_counts_as(entry)];
}

static uint64_t size_of(const struct catalog_entry *entry, const struct record_call *call)
{
	uint64_t size = entry->size == CATALOG_NONE ? entry->bytes : call->args[entry->size];

	if (entry->count == CATALOG_NONE || entry->is_string)
		return size;
	return size * call->args[entry->count];
}

/* The first of the wrappers that were given this block and led here. */
static int freed_by(struct heap *heap, const struct record_call *call,
                    const struct function *function, taddr_t addr)
{
	const struct record_name *names = record_names(call);

	for (unsigned i = 0; i < call->name_count; i++)
		if (names[i].arg == addr && names[i].slot >= call->slot)
			return heap->functions.list[names[i].function].entry;
	return function->tells_caller ?
	               naming_free(heap, function, call->args[RECORD_ARGS - 1]) :
	               function->entry;
}

static void restore_old(struct heap *heap, struct view *view)
{
	struct block other;
	bool had_other;

	if (view->in_realloc && view->had_old)
		live_add(&heap->live, view->old_addr, &view->old, &other, &had_other);
	view->in_realloc = false;
}

static void free_entered(struct heap *heap, struct view *view, const struct record_call *call,
                         const struct function *function, uint32_t site)
{
	taddr_t given = call->args[catalog[function->entry].block];
	taddr_t addr = key_of(&catalog[function->entry], given);
	int entry = freed_by(heap, call, function, given);
	struct bad_free bad = { call, entry, addr, site, 0, NULL };
	struct heap_function *stats = stats_of(heap, entry);
	struct block block;

	stats->calls++;
	stats->null += !addr;
	if (!addr)
		return;
	if (view->in_realloc && view->old_addr == addr)
		restore_old(heap, view); /* that realloc was jumped out of */
	if (!live_free(&heap->live, addr, site_id(site),
	               (uint32_t)model_since_begin_ms(heap), &block)) {
		unknown_free(heap, &bad);
		return;
	}
	bad.block = &block;
	if (errors_mismatch(heap, &block, entry))
		errors_add(heap, HEAP_MISMATCH, &bad);
	count_freed(heap, &block);
}

/* Of a block that was not seen to begin there is nothing to count. */
static void ref_entered(struct heap *heap, const struct record_call *call,
                        const struct function *function)
{
	const struct catalog_entry *entry = &catalog[function->entry];
	taddr_t addr = key_of(entry, call->args[entry->block]);
	uint64_t *refs = live_at(&heap->live, addr) ? table_put(&heap->refs, addr) : NULL;

	stats_of(heap, function->entry)->calls++;
	if (refs)
		++*refs;
}

/* True: there are others, and it lives on. */
static bool unref_entered(struct heap *heap, const struct record_call *call,
                          const struct function *function)
{
	const struct catalog_entry *entry = &catalog[function->entry];
	taddr_t addr = key_of(entry, call->args[entry->block]);
	uint64_t *refs = table_find(&heap->refs, addr);

	if (!refs)
		return false;
	if (!--*refs)
		table_remove(&heap->refs, addr);
	stats_of(heap, function->entry)->calls++;
	return true;
}

/* The old block leaves the table before realloc may hand it to another thread; what
 * became of it is known at the end. */
static void realloc_entered(struct heap *heap, struct view *view, const struct record_call *call,
                            const struct function *function, uint32_t site)
{
	restore_old(heap, view);
	view->in_realloc = true;
	view->old_site = site;
	view->old_addr = key_of(&catalog[function->entry],
	                        call->args[catalog[function->entry].block]);
	view->had_old = view->old_addr &&
	                live_free(&heap->live, view->old_addr, site_id(site),
	                          (uint32_t)model_since_begin_ms(heap), &view->old);
}

static void realloc_returned(struct heap *heap, struct view *view, const struct record_call *call,
                             const struct function *function, taddr_t result, uint64_t size)
{
	bool frees_anyway = catalog[function->entry].frees_anyway;
	bool freed = result || (view->old_addr && (size == 0 || frees_anyway));
	struct bad_free bad = { call, function->entry, view->old_addr, view->old_site, 0, NULL };

	if (!freed)
		restore_old(heap, view);
	view->in_realloc = false;
	if (!freed)
		return;
	bad.block = &view->old;
	if (view->had_old && errors_mismatch(heap, &view->old, function->entry))
		errors_add(heap, HEAP_MISMATCH, &bad);
	bad.block = NULL;
	if (view->had_old)
		count_freed(heap, &view->old);
	else if (view->old_addr)
		unknown_free(heap, &bad);
}

static void entered_function(struct heap *heap, const struct record_call *call,
                             const struct record_entered *entered, struct function *function)
{
	struct view *view = view_of(heap, call->record.tid);
	uint32_t site;

	if (!view)
		return;
	site = entered ? naming_entered_site(heap, view, entered, function->entry) : SITE_NONE;
	function->calls += !catalog_hands_out(&catalog[function->entry]);
	switch (catalog[function->entry].role) {
	case CATALOG_REALLOC:
		realloc_entered(heap, view, call, function, site);
		break;
	case CATALOG_REF:
		ref_entered(heap, call, function);
		break;
	case CATALOG_UNREF:
		if (unref_entered(heap, call, function))
			break; /* fall through */
	default:
		free_entered(heap, view, call, function, site);
	}
}

void account_entered(struct heap *heap, const struct record_call *call,
                     const struct record_entered *entered)
{
	struct function *function = function_of(heap, call->function);
	struct tally before;

	if (!function ||
	    !trust_given(heap, function, call->args[catalog[function->entry].block]))
		return;
	before = trust_tally(heap, function);
	entered_function(heap, call, entered, function);
	trust_add(heap, function, &before);
}

/* That was handed out, or 0. */
static taddr_t block_of(const struct catalog_entry *entry, const struct record_return *record,
                        uint64_t size)
{
	if (entry->out_param)
		return record->result ? 0 : record->out;
	if (entry->in_place)
		return record->result < size ? 0 : record->call.args[entry->block];
	return record->result;
}

static void returned(struct heap *heap, const struct record_return *record,
                     struct function *function, uint64_t size, taddr_t block)
{
	const struct record_call *call = &record->call;
	const struct catalog_entry *entry = &catalog[function->entry];
	struct view *view = view_of(heap, call->record.tid);
	uint32_t site = view ? naming_site(heap, view, record, function, &size) : SITE_NONE;
	taddr_t addr = key_of(entry, block);
	struct heap_function *stats;

	if (site == SITE_NONE) {
		heap->ledger.missed_calls++;
		return;
	}
	stats = stats_of(heap, heap->sites.sites[site].entry);
	stats->calls++;
	function->calls++;
	if (entry->role == CATALOG_REALLOC)
		realloc_returned(heap, view, call, function, addr, size);
	if (addr) {
		stats->bytes += size;
		allocated(heap, call, addr, size, site);
	} else if (size) {
		stats->failed++;
	}
}

void account_returned(struct heap *heap, const struct record_return *record)
{
	struct function *function = function_of(heap, record->call.function);
	struct tally before;
	uint64_t size;
	taddr_t block;

	if (!function) {
		heap->ledger.missed_calls++;
		return;
	}
	size = size_of(&catalog[function->entry], &record->call);
	block = block_of(&catalog[function->entry], record, size);
	if (!trust_result(heap, function, block, size))
		return;
	before = trust_tally(heap, function);
	returned(heap, record, function, size, block);
	trust_add(heap, function, &before);
}

void account_abandoned(struct heap *heap, const struct record_call *call)
{
	struct function *function = function_of(heap, call->function);
	struct view *view = view_of(heap, call->record.tid);
	struct tally before;

	if (function && trust_is_refuted(function))
		return;
	if (function)
		before = trust_tally(heap, function);
	heap->ledger.missed_calls++;
	if (view)
		restore_old(heap, view);
	if (function)
		trust_add(heap, function, &before);
}
