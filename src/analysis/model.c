/* apply(record): the one place where what the tracer saw gets its meaning. */
#include "model.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"
#include "unwind.h"

/* ---- notes and commands ------------------------------------------------------- */

static void add_note(void *ctx, const char *sentence)
{
	struct notes *notes = &((struct heap *)ctx)->notes;
	char **grown;

	for (size_t i = 0; i < notes->count; i++)
		if (strcmp(notes->list[i], sentence) == 0)
			return;
	grown = realloc(notes->list, (notes->count + 1) * sizeof(*grown));
	if (!grown)
		return;
	notes->list = grown;
	notes->list[notes->count] = strdup(sentence);
	notes->count += notes->list[notes->count] != NULL;
}

void heap_note(struct heap *heap, const char *fmt, ...)
{
	char sentence[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(sentence, sizeof(sentence), fmt, args);
	va_end(args);
	add_note(heap, sentence);
}

static struct record *command(struct heap *heap, enum command_kind kind, pid_t tid, size_t len)
{
	size_t wanted = heap->commands_end + ((len + 7) & ~(size_t)7);
	struct record *record;

	if (wanted > heap->commands_capacity) {
		uint8_t *grown = realloc(heap->commands, wanted * 2);

		if (!grown)
			return NULL;
		heap->commands = grown;
		heap->commands_capacity = wanted * 2;
	}
	record = (struct record *)(heap->commands + heap->commands_end);
	memset(record, 0, sizeof(*record));
	record->len = wanted - heap->commands_end;
	record->kind = kind;
	record->tid = tid;
	heap->commands_end = wanted;
	return record;
}

const struct record *heap_command(const struct heap *heap)
{
	return heap->commands_begin < heap->commands_end ?
		       (const struct record *)(heap->commands + heap->commands_begin) :
		       NULL;
}

void heap_sent(struct heap *heap)
{
	heap->commands_begin += heap_command(heap)->len;
	if (heap->commands_begin == heap->commands_end)
		heap->commands_begin = heap->commands_end = 0;
}

/* ---- threads -------------------------------------------------------------------- */

static struct view *view_of(struct heap *heap, pid_t tid)
{
	uint64_t *slot = table_put(&heap->views, tid);

	if (!slot)
		return NULL;
	if (!*slot)
		*slot = (uintptr_t)calloc(1, sizeof(struct view));
	return (struct view *)(uintptr_t)*slot;
}

static void view_free(struct view *view)
{
	if (view) {
		image_deinit(&view->image);
		image_deinit(&view->other);
		unwound_deinit(&view->stack);
	}
	free(view);
}

static void drop_view(struct heap *heap, pid_t tid)
{
	const uint64_t *slot = table_find(&heap->views, tid);

	if (slot)
		view_free((struct view *)(uintptr_t)*slot);
	table_remove(&heap->views, tid);
}

static void drop_views(struct heap *heap)
{
	struct table_slot *slot;

	for (size_t at = 0; (slot = table_next(&heap->views, &at));)
		view_free((struct view *)(uintptr_t)slot->value);
	table_clear(&heap->views);
}

/* ---- modules ----------------------------------------------------------------------- */

static void forget_walks(struct heap *heap)
{
	struct table_slot *slot;

	for (size_t at = 0; (slot = table_next(&heap->views, &at));)
		((struct view *)(uintptr_t)slot->value)->stack.count = 0;
	sites_modules_changed(&heap->sites);
	unwinder_flush(heap->unwinder);
}

static void module_gone(void *ctx, struct module *module)
{
	struct heap *heap = ctx;
	struct command_forget *forget =
		(struct command_forget *)command(heap, CMD_FORGET, 0, sizeof(*forget));

	forget_walks(heap);
	if (!forget)
		return;
	forget->begin = module->begin;
	forget->end = module->end;
}

static void module_came(void *ctx, struct module *module)
{
	struct heap *heap = ctx;
	struct plan plan = { .note = add_note, .ctx = heap };
	struct command_plant *plant;
	size_t bytes;

	forget_walks(heap);
	module->is_loader = program_is_loader(heap, module);
	resolve_module(heap->resolver, module, &heap->functions, &plan);
	bytes = plan.count * sizeof(*plan.probes);
	plant = plan.count ? (struct command_plant *)command(heap, CMD_PLANT, 0,
	                                                     sizeof(*plant) + bytes) :
	                     NULL;
	if (plant)
		memcpy(plant->probes, plan.probes, bytes);
	free(plan.probes);
}

static void scan(struct heap *heap, pid_t pid)
{
	const struct module_events events = { module_gone, module_came, heap };
	int error = modules_scan(&heap->modules, pid, &events);

	if (error < 0)
		heap_note(heap, "the modules could not be read: %s", strerror(-error));
}

/* ---- sites ------------------------------------------------------------------------------ */

/* How many of the innermost frames are wrappers'. */
static unsigned wrappers(const struct heap *heap, const struct site_key *key)
{
	unsigned k = 0;

	while (k < key->frame_count &&
	       heap->sites.frames[key->frames[k] - 1].named != CATALOG_NONE)
		k++;
	return k;
}

/* The wrapper met on the way whose frame is the outermost one's: a name whose slot
 * is no other's is of a wrapper that returned without an event. */
static const struct record_name *outermost_name(const struct record_call *call,
                                                const struct unwound *stack, unsigned k)
{
	taddr_t slot = k == 0 ? call->slot : stack->frames[k].regs.sp - sizeof(taddr_t);

	if (k >= stack->count)
		return NULL;
	for (unsigned i = 0; i < call->name_count; i++)
		if (call->names[i].slot == slot)
			return &call->names[i];
	return NULL;
}

/* How the program called it: by the outermost of the wrappers around it, one that
 * jumped on included, else by the name of the function itself. */
static void name_site(struct heap *heap, struct site *site, unsigned k, int called)
{
	const struct frame *caller =
		site->frame_count ? &heap->sites.frames[site->frames[0] - 1] : NULL;

	site->folded = k;
	if (site->call_name != CATALOG_NONE)
		site->entry = site->call_name;
	else if (k > 0)
		site->entry = heap->sites.frames[site->frames[k - 1] - 1].named;
	else if (called != CATALOG_NONE && caller && caller->module &&
	         resolve_called_name(heap->resolver, caller->module, caller->addr) == called)
		site->entry = called;
	site->view.function = catalog[site->entry].name;
}

static void take_stack(struct heap *heap, struct view *view, const struct record_call *call)
{
	struct arch_frame start = call->frame;
	taddr_t changed_to = call->stack_addr + call->stack_len;
	bool has_other = call->other_len &&
	                 image_apply(&view->other, call->other_addr, call->stack + call->stack_len,
	                             call->other_len, call->other_addr + call->other_len);

	if (call->stack_end == call->stack_addr ||
	    !image_apply(&view->image, call->stack_addr, call->stack, call->stack_len,
	                 call->stack_end) ||
	    !image_read(&view->image, call->slot, &start.pc, sizeof(start.pc))) {
		view->stack.count = 0;
		view->stack.truncated = true;
		return;
	}
	if (has_other || view->on_other)
		view->stack.count = 0; /* frames of two stacks: nothing is known unchanged */
	view->on_other = has_other;
	unwind(heap->unwinder, &view->image, has_other ? &view->other : NULL, &start, changed_to,
	       &view->stack);
}

static bool intern_frames(struct heap *heap, const struct unwound *stack, struct site_key *key)
{
	static uint32_t *frames;

	if (!frames && !(frames = calloc(heap->depth, sizeof(*frames))))
		return false;
	for (unsigned i = 0; i < stack->count; i++)
		if (!(frames[i] = site_frame(&heap->sites, &stack->frames[i])))
			return false;
	key->frames = frames;
	key->frame_count = stack->count;
	return true;
}

/* size: what the function was asked for; what the program asked for where a wrapper
 * has been given another one. */
static uint32_t site_of(struct heap *heap, struct view *view, const struct record_call *call,
                        const struct function *function, uint64_t *size)
{
	struct site_key key = { .entry = function->entry, .name = CATALOG_NONE };
	const struct record_name *name;
	unsigned k;
	uint32_t index;
	bool is_new;

	take_stack(heap, view, call);
	heap->ledger.truncated_stacks += view->stack.truncated;
	if (!intern_frames(heap, &view->stack, &key))
		return SITE_NONE;
	k = wrappers(heap, &key);
	name = outermost_name(call, &view->stack, k);
	if (name) {
		key.name = heap->functions.list[name->function].entry;
		*size = name->arg;
	}
	index = site_intern(&heap->sites, &key, &is_new);
	if (is_new)
		name_site(heap, &heap->sites.sites[index], k, function->alias);
	return index;
}

/* ---- blocks -------------------------------------------------------------------------------- */

static uint64_t since_begin_ms(const struct heap *heap)
{
	return (heap->now_ns - heap->program.began_ns) / 1000000;
}

static void count_freed(struct heap *heap, const struct block *block)
{
	struct site *site = &heap->sites.sites[block->site];

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

	if (!site->allocs++)
		site->first_ms = since_begin_ms(heap);
	site->last_ms = since_begin_ms(heap);
	site->live_blocks++;
	site->live_bytes += block->size;
	if (site->live_bytes > site->peak_bytes)
		site->peak_bytes = site->live_bytes;
	totals->allocs++;
	totals->bytes_allocated += block->size;
	totals->live_blocks++;
	totals->live_bytes += block->size;
	if (totals->live_bytes > totals->peak_live_bytes)
		totals->peak_live_bytes = totals->live_bytes;
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
}

/* What a free of an address nobody was seen to allocate is. */
static void unknown_free(struct heap *heap, taddr_t addr)
{
	const struct module *module = module_at(&heap->modules, addr);

	if (live_was_freed(&heap->live, addr))
		heap->ledger.double_frees++;
	else if (module && module->is_loader)
		heap->ledger.loader_frees++;
	else
		heap->ledger.unknown_frees++;
}

/* ---- calls ------------------------------------------------------------------------------------ */

static const struct function *function_of(const struct heap *heap, uint32_t number)
{
	return number < heap->functions.count ? &heap->functions.list[number] : NULL;
}

static struct heap_function *stats_of(struct heap *heap, int entry)
{
	int first = 0;

	while (strcmp(catalog[first].name, catalog[entry].name) != 0)
		first++;
	return &heap->stats[first];
}

static uint64_t size_of(const struct catalog_entry *entry, const struct record_call *call)
{
	uint64_t size = call->args[entry->size];

	return entry->count == CATALOG_NONE ? size : size * call->args[entry->count];
}

/* The first of the wrappers that were given this block and led here. */
static int freed_by(const struct heap *heap, const struct record_call *call,
                    const struct function *function, taddr_t addr)
{
	for (unsigned i = 0; i < call->name_count; i++)
		if (call->names[i].arg == addr && call->names[i].slot >= call->slot)
			return heap->functions.list[call->names[i].function].entry;
	return function->entry;
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
                         const struct function *function)
{
	taddr_t addr = call->args[catalog[function->entry].block];
	struct heap_function *stats = stats_of(heap, freed_by(heap, call, function, addr));
	struct block block;

	stats->calls++;
	stats->null += !addr;
	if (!addr)
		return;
	if (view->in_realloc && view->old_addr == addr)
		restore_old(heap, view); /* that realloc was jumped out of */
	if (live_remove(&heap->live, addr, &block))
		count_freed(heap, &block);
	else
		unknown_free(heap, addr);
}

/* The old block leaves the table before realloc may hand it to another thread; what
 * became of it is known at the end. */
static void realloc_entered(struct heap *heap, struct view *view, const struct record_call *call,
                            const struct function *function)
{
	restore_old(heap, view);
	view->in_realloc = true;
	view->old_addr = call->args[catalog[function->entry].block];
	view->had_old = view->old_addr && live_remove(&heap->live, view->old_addr, &view->old);
}

static void realloc_returned(struct heap *heap, struct view *view, const struct record_call *call,
                             uint64_t size)
{
	bool freed = call->result || (size == 0 && view->old_addr);

	if (!freed)
		restore_old(heap, view);
	view->in_realloc = false;
	if (!freed)
		return;
	if (view->had_old)
		count_freed(heap, &view->old);
	else if (view->old_addr)
		unknown_free(heap, view->old_addr);
}

static void call_entered(struct heap *heap, const struct record_call *call)
{
	const struct function *function = function_of(heap, call->function);
	struct view *view = view_of(heap, call->record.tid);

	if (!function || !view)
		return;
	if (catalog[function->entry].role == CATALOG_FREE)
		free_entered(heap, view, call, function);
	else
		realloc_entered(heap, view, call, function);
}

static void call_returned(struct heap *heap, const struct record_call *call)
{
	const struct function *function = function_of(heap, call->function);
	const struct catalog_entry *entry = function ? &catalog[function->entry] : NULL;
	struct view *view = view_of(heap, call->record.tid);
	uint64_t size = entry ? size_of(entry, call) : 0;
	uint32_t site = entry && view ? site_of(heap, view, call, function, &size) : SITE_NONE;
	struct heap_function *stats;
	taddr_t addr;

	if (site == SITE_NONE) {
		heap->ledger.missed_calls++;
		return;
	}
	addr = entry->out_param ? (call->result ? 0 : call->out) : call->result;
	stats = stats_of(heap, heap->sites.sites[site].entry);
	stats->calls++;
	if (entry->role == CATALOG_REALLOC)
		realloc_returned(heap, view, call, size);
	if (addr) {
		stats->bytes += size;
		allocated(heap, call, addr, size, site);
	} else if (size) {
		stats->failed++;
	}
}

static void call_abandoned(struct heap *heap, const struct record_call *call)
{
	struct view *view = view_of(heap, call->record.tid);

	heap->ledger.missed_calls++;
	if (view)
		restore_old(heap, view);
}

/* ---- the process ------------------------------------------------------------------------------- */

static void new_image(struct heap *heap, const struct record *record)
{
	drop_views(heap);
	live_clear(&heap->live);
	sites_clear(&heap->sites);
	modules_forget(&heap->modules);
	heap->functions.count = 0;
	heap->totals = (struct heap_totals){ 0 };
	heap->ledger = (struct heap_ledger){ .stalls = heap->ledger.stalls };
	heap->threads_live = heap->threads_total = 1;
	heap->program.began_ns = record->time_ns;
	for (unsigned i = 0; i < catalog_count; i++)
		heap->stats[i] = (struct heap_function){ .name = catalog[i].name,
			                                 .kind = catalog_kind(i) };
	program_read(heap, record->pid);
	unwinder_set_pid(heap->unwinder, record->pid);
	scan(heap, record->pid);
	if (heap->functions.count == 0)
		heap_note(heap, "no allocator function was found in %s", heap->program.exe);
}

static void refused(struct heap *heap, const struct record_refused *record)
{
	const struct module *module = module_at(&heap->modules, record->addr);

	heap_note(heap, "no trap at %s+0x%llx: %s", module ? module->path : "?",
	          (unsigned long long)(record->addr - (module ? module->bias : 0)),
	          record->error == EILSEQ ? "other code stands there" : strerror(record->error));
}

void heap_apply(struct heap *heap, const struct record *record)
{
	heap->now_ns = record->time_ns;
	switch (record->kind) {
	case REC_EXEC:
		new_image(heap, record);
		command(heap, CMD_GO, record->tid, sizeof(*record));
		break;
	case REC_LOADER:
		scan(heap, record->pid);
		command(heap, CMD_GO, record->tid, sizeof(*record));
		break;
	case REC_ENTER:
		call_entered(heap, (const struct record_call *)record);
		break;
	case REC_RETURN:
		heap->ledger.stalls = ((const struct record_call *)record)->stalls;
		call_returned(heap, (const struct record_call *)record);
		break;
	case REC_ABANDON:
		call_abandoned(heap, (const struct record_call *)record);
		break;
	case REC_THREAD_BEGIN:
		heap->threads_live++;
		heap->threads_total++;
		break;
	case REC_THREAD_END:
		heap->threads_live--;
		drop_view(heap, record->tid);
		break;
	case REC_REFUSED:
		refused(heap, (const struct record_refused *)record);
		break;
	}
}

/* ---- the whole --------------------------------------------------------------------------------- */

struct heap *heap_new(const struct analysis_options *options)
{
	struct heap *heap = calloc(1, sizeof(*heap));

	if (!heap)
		return NULL;
	heap->depth = options->depth;
	heap->sites.modules = &heap->modules;
	heap->resolver = resolver_new();
	heap->unwinder = unwinder_new(&heap->modules, options->depth);
	heap->stats = calloc(catalog_count, sizeof(*heap->stats));
	heap->called = calloc(catalog_count, sizeof(*heap->called));
	if (!heap->resolver || !heap->unwinder || !heap->stats || !heap->called) {
		heap_free(heap);
		return NULL;
	}
	return heap;
}

void heap_free(struct heap *heap)
{
	drop_views(heap);
	table_deinit(&heap->views);
	sites_deinit(&heap->sites);
	live_deinit(&heap->live);
	modules_deinit(&heap->modules);
	resolver_free(heap->resolver);
	unwinder_free(heap->unwinder);
	free(heap->functions.list);
	free(heap->stats);
	free(heap->called);
	free(heap->commands);
	for (size_t i = 0; i < heap->notes.count; i++)
		free(heap->notes.list[i]);
	free(heap->notes.list);
	free(heap->unsymbolised);
	program_free(heap);
	free(heap);
}
