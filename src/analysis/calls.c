#include "calls.h"

#include "account.h"
#include "behaviour.h"
#include "naming.h"
#include "trust.h"
#include "usable.h"
#include "view.h"

static struct function *function_of(const struct heap *heap, uint32_t number)
{
	return number < heap->functions.count ? &heap->functions.list[number] : NULL;
}

/* Which the live table has it by. */
static taddr_t key_of(const struct catalog_entry *entry, taddr_t addr)
{
	return addr && entry->beside ? addr | LIVE_BESIDE : addr;
}

static struct heap_event event_of(enum heap_event_kind kind, const struct record_call *call)
{
	struct heap_event event = account_event(kind, &call->record);

	event.number = call->function;
	return event;
}

/* ---- begins ------------------------------------------------------------------------------ */

static enum heap_event_kind kind_of_begin(enum catalog_role role)
{
	switch (role) {
	case CATALOG_REALLOC:
		return HEAP_EVENT_REALLOC_BEGIN;
	case CATALOG_REF:
		return HEAP_EVENT_REF;
	case CATALOG_UNREF:
		return HEAP_EVENT_UNREF;
	default:
		return HEAP_EVENT_FREE;
	}
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

static bool is_free(const struct catalog_entry *entry)
{
	return entry->role != CATALOG_REALLOC && entry->role != CATALOG_REF;
}

static void begun(struct heap *heap, const struct record_call *call,
                  const struct record_entered *entered, const struct function *function)
{
	const struct catalog_entry *entry = &catalog[function->entry];
	struct heap_event event = event_of(kind_of_begin(entry->role), call);
	struct view *view = view_of(heap, call->record.tid);
	taddr_t given = call->args[entry->block];

	if (!view)
		return;
	event.given = key_of(entry, given);
	event.entry = is_free(entry) ? freed_by(heap, call, function, given) : function->entry;
	if (entered)
		event.site = site_id(naming_entered_site(heap, view, entered, function->entry));
	else if (heap->options.callers && function->has_caller)
		event.site = site_id(naming_caller_site(heap, function->entry,
		                                        call->args[RECORD_ARGS - 1]));
	if (entry->role == CATALOG_FREE)
		event.usable = usable_of_old(function, call->args[1]);
	account_apply(heap, &event);
}

void calls_entered(struct heap *heap, const struct record_call *call,
                   const struct record_entered *entered)
{
	struct function *function = function_of(heap, call->function);
	struct tally before;
	taddr_t given;

	if (!function)
		return;
	given = call->args[catalog[function->entry].block];
	if (!trust_given(heap, function, given))
		return;
	before = trust_tally(heap, function);
	begun(heap, call, entered, function);
	trust_add(heap, function, &before);
	behaviour_taken(heap, given);
}

/* ---- ends -------------------------------------------------------------------------------- */

static uint64_t size_of(const struct catalog_entry *entry, const struct record_call *call)
{
	uint64_t size = entry->size == CATALOG_NONE ? entry->bytes : call->args[entry->size];

	if (entry->count == CATALOG_NONE || entry->is_string)
		return size;
	return size * call->args[entry->count];
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

static void lost(struct heap *heap, const struct record_call *call)
{
	struct heap_event event = event_of(HEAP_EVENT_LOST, call);

	account_apply(heap, &event);
}

/* What the old block was is of the call's own begin: only it knows what was given. */
static void take_given(struct heap_event *event, const struct catalog_entry *entry,
                       const struct view *view)
{
	event->kind = HEAP_EVENT_REALLOC;
	event->given = view->old_addr;
	event->gone = event->block ||
	              (event->given && (event->size == 0 || entry->frees_anyway));
}

static void ended(struct heap *heap, const struct record_return *record,
                  const struct function *function, uint64_t size, taddr_t block)
{
	const struct record_call *call = &record->call;
	const struct catalog_entry *entry = &catalog[function->entry];
	struct view *view = view_of(heap, call->record.tid);
	uint32_t site = view ? naming_site(heap, view, record, function, &size) : SITE_NONE;
	struct heap_event event = event_of(HEAP_EVENT_ALLOC, call);

	if (site == SITE_NONE) {
		lost(heap, call);
		return;
	}
	event.site = site_id(site);
	event.entry = heap->sites.sites[site].entry;
	event.size = size;
	event.block = key_of(entry, block);
	if (event.block)
		event.usable = usable_of_new(heap, function, record->before, size);
	if (entry->role == CATALOG_REALLOC)
		take_given(&event, entry, view);
	account_apply(heap, &event);
}

void calls_returned(struct heap *heap, const struct record_return *record)
{
	struct function *function = function_of(heap, record->call.function);
	struct tally before;
	uint64_t size;
	taddr_t block;

	if (!function) {
		lost(heap, &record->call);
		return;
	}
	size = size_of(&catalog[function->entry], &record->call);
	block = block_of(&catalog[function->entry], record, size);
	if (!trust_result(heap, function, block, size))
		return;
	before = trust_tally(heap, function);
	ended(heap, record, function, size, block);
	trust_add(heap, function, &before);
	behaviour_handed(heap, record->call.record.tid, block);
}

void calls_abandoned(struct heap *heap, const struct record_call *call)
{
	struct heap_event event = event_of(HEAP_EVENT_ABANDONED, call);
	struct function *function = function_of(heap, call->function);
	struct tally before;

	if (function && trust_is_refuted(function))
		return;
	if (function)
		before = trust_tally(heap, function);
	account_apply(heap, &event);
	if (function)
		trust_add(heap, function, &before);
}

void calls_earlier(struct heap *heap, const struct record_earlier *record)
{
	struct heap_event event = account_event(HEAP_EVENT_EARLIER, &record->record);

	event.block = record->result;
	account_apply(heap, &event);
}
