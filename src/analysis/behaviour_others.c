/* Others that hand out blocks end where malloc or free do: they call them, or what these call. Of
 * two arguments, calloc's product is the size of what it hands out, which free is given later.
 * realloc is given a block, and hands out one as large as its second argument; when that is
 * another, the first is gone: free is not given it any more before it is handed out again. Who only
 * passes on what malloc has handed out within is neither, and nothing is missed without it. */
#include "account.h"
#include "behaviour_parts.h"
#include "job.h"
#include "outbox.h"
#include "trust.h"

#define FITTED_MIN 16   /* results */
#define TAKEN_MIN 8     /* of calloc's, by free */
#define MOVED_MIN 4     /* of realloc's */
#define RELEASED_MIN 32 /* blocks given to another free */
#define HELD_MAX 1024   /* times */
#define CORE_DEPTH 2    /* calls to malloc, free, or what they call */

const char behaviour_table[] = "behaviour";

/* ---- what is found -------------------------------------------------------------------------- */

static void install(struct heap *heap, const struct found *found, size_t count)
{
	struct behaviour *behaviour = heap->behaviour;
	struct plan plan = model_plan(heap);
	size_t first = heap->functions.count;

	plan.table = behaviour_table;
	plan.lacks = "; what it handed out before that, or hands out or takes back by other "
	             "functions, is not known";
	resolve_found(heap->resolver, behaviour->module, &heap->functions, &plan, found, count);
	trust_begin(heap, behaviour->module, &plan, first);
	command_plant(heap, &plan);
}

static void add_core(struct behaviour *behaviour, taddr_t function, struct address_set *core)
{
	const struct facts *facts = facts_of(&behaviour->facts, function);

	address_set_add(core, function);
	for (unsigned i = 0; facts && i < facts->call_count; i++)
		address_set_add(core, facts->calls[i]);
}

static void watch_others(struct heap *heap, const struct address_set *core)
{
	struct behaviour *behaviour = heap->behaviour;
	struct watch *watch = &behaviour->watch;
	size_t first = watch->count;

	for (size_t i = 0; i < behaviour->begins.count; i++) {
		taddr_t begin = behaviour->begins.list[i];
		const struct facts *facts = facts_of(&behaviour->facts, begin);

		if (watch->count - first < SUSPECTS_MAX && facts && facts->args & TAKES_0 &&
		    !address_set_has(core, begin) &&
		    facts_reach(&behaviour->facts, begin, core, CORE_DEPTH))
			watch_add(watch, begin);
	}
	watch_plant(heap, watch, first, true);
}

void behaviour_found(struct heap *heap, uint32_t malloc, uint32_t free)
{
	struct behaviour *behaviour = heap->behaviour;
	const taddr_t begins[] = { behaviour->watch.list[malloc].begin,
		                   behaviour->watch.list[free].begin };
	const struct found found[] = {
		{ begins[0], .entry = catalog_find("malloc"), .table = behaviour_table },
		{ begins[1], .entry = catalog_find("free"), .table = behaviour_table },
	};
	struct address_set core = { 0 };

	watch_drop_all(heap, &behaviour->watch);
	lives_deinit(&behaviour->lives);
	heap->trust.looks = 0;
	note_change(heap, behaviour->told, NULL);
	account_tell(heap, HEAP_EVENT_FOUND, heap->program.pid);
	install(heap, found, countof(found));
	behaviour->stage = SEEKS_OTHERS;
	for (unsigned i = 0; i < countof(begins); i++)
		add_core(behaviour, begins[i], &core);
	watch_others(heap, &core);
	address_set_free(&core);
}

/* What they have handed out before they are found is missed, however late it is that we look at it.
 * So who waits at all waits on while they are at work, but not for ever. */
void behaviour_others_held(struct heap *heap)
{
	if (++heap->behaviour->held == HELD_MAX)
		command_add(heap, CMD_HOLD_NOT, 0, sizeof(struct record));
}

/* ---- their calls ---------------------------------------------------------------------------- */

/* A block that was given to it, and moved, has a key of its own. */
static uint64_t moved(taddr_t addr)
{
	return addr | 1;
}

static void claim(struct behaviour *behaviour, uint64_t key, uint32_t suspect)
{
	uint64_t *claimed = table_put(&behaviour->claims, key);

	if (claimed)
		*claimed = suspect + 1;
}

/* Whose it was, or NULL; it is nobody's any more. */
static struct suspect *claimed(struct behaviour *behaviour, uint64_t key)
{
	const uint64_t *by = table_find(&behaviour->claims, key);
	struct suspect *suspect = by ? &behaviour->watch.list[*by - 1] : NULL;

	table_remove(&behaviour->claims, key);
	return suspect && !suspect->gone ? suspect : NULL;
}

/* The block there had been freed before, but by whom was not known then. */
static void free_unseen(struct heap *heap, taddr_t addr)
{
	const struct record now = { .tid = heap->program.pid, .time_ns = heap->now_ns };
	struct heap_event event = account_event(HEAP_EVENT_FREE, &now);

	if (!live_at(&heap->live, addr))
		return;
	event.entry = catalog_find("free");
	event.given = addr;
	account_apply(heap, &event);
}

/* What it was given is gone, and what it handed out is another block than the one that is known. */
static void settle(struct heap *heap, uint32_t suspect)
{
	const struct table *claims = &heap->behaviour->claims;
	const struct table_slot *slot;

	for (size_t at = 0; (slot = table_next(claims, &at));)
		if (slot->value == suspect + 1)
			free_unseen(heap, slot->key & ~UINT64_C(1));
}

void behaviour_others_late(struct heap *heap, const struct record_watch *record)
{
	free_unseen(heap, record->values[0]);
}

static void other_found(struct heap *heap, uint32_t suspect, const char *name)
{
	struct behaviour *behaviour = heap->behaviour;
	const struct found found = { behaviour->watch.list[suspect].begin,
		                     .entry = catalog_find(name), .table = behaviour_table };

	watch_drop(heap, &behaviour->watch, suspect);
	behaviour->watch.list[suspect].found = true;
	settle(heap, suspect);
	install(heap, &found, 1);
}

static bool takes_two(struct behaviour *behaviour, const struct suspect *suspect)
{
	const struct facts *facts = facts_of(&behaviour->facts, suspect->begin);

	return facts && (facts->args & TAKES_01) == TAKES_01;
}

static uint32_t number_of(const struct behaviour *behaviour, const struct suspect *suspect)
{
	return (uint32_t)(suspect - behaviour->watch.list);
}

static void judge(struct heap *heap, const struct suspect *suspect)
{
	uint32_t number = number_of(heap->behaviour, suspect);
	bool gives = !suspect->no_giver && suspect->trial.fitted >= FITTED_MIN;

	if (!suspect->no_taker && suspect->released >= RELEASED_MIN)
		other_found(heap, number, "free");
	else if (gives && suspect->no_taker && suspect->released >= MOVED_MIN)
		other_found(heap, number, "realloc");
	else if (gives && suspect->taken >= TAKEN_MIN)
		other_found(heap, number, takes_two(heap->behaviour, suspect) ? "calloc" : "malloc");
}

static void is_no_giver(struct heap *heap, struct suspect *suspect)
{
	suspect->no_giver = true;
	if (suspect->no_taker)
		watch_drop(heap, &heap->behaviour->watch, number_of(heap->behaviour, suspect));
}

static void is_no_taker(struct heap *heap, struct suspect *suspect)
{
	suspect->no_taker = true;
	if (suspect->no_giver)
		watch_drop(heap, &heap->behaviour->watch, number_of(heap->behaviour, suspect));
}

void behaviour_others_begun(struct heap *heap, struct watch_call *call)
{
	struct behaviour *behaviour = heap->behaviour;
	struct suspect *suspect = &behaviour->watch.list[call->suspect];
	taddr_t addr = call->args[0];
	const struct block *block = live_at(&heap->live, addr);

	call->of_live = block;
	if (!addr || suspect->no_taker)
		return;
	if (block ? !behaviour_takes(behaviour, call, block->size) :
	            behaviour_is_no_block(heap, addr))
		is_no_taker(heap, suspect);
	else if (block)
		claim(behaviour, moved(addr), call->suspect);
}

/* False: none that is one. */
static bool size_of(struct heap *heap, const struct watch_call *call, uint64_t *size)
{
	struct behaviour *behaviour = heap->behaviour;

	*size = call->args[0];
	if (!*size || !behaviour_is_number(heap, *size))
		return false;
	return !takes_two(behaviour, &behaviour->watch.list[call->suspect]) ||
	       (behaviour_is_number(heap, call->args[1]) &&
	        !__builtin_mul_overflow(*size, call->args[1], size));
}

static bool may_be_new(struct heap *heap, const struct watch_call *call, taddr_t result)
{
	struct suspect *suspect = &heap->behaviour->watch.list[call->suspect];
	uint64_t size;

	if (!size_of(heap, call, &size)) /* maybe realloc, of a block that is not known */
		return trial_fit(trust_place(heap, result, 1)) != FIT_NEVER;
	if (call->handed == result)
		return false;
	claim(heap->behaviour, result, call->suspect);
	if (live_at(&heap->live, result)) /* maybe freed by one that is not known */
		return trial_count(&suspect->trial, FIT_ODD);
	if (!behaviour_fits(heap, suspect, result, size))
		return false;
	watch_handed(&heap->behaviour->watch, call->tid, result);
	return true;
}

static bool may_be_moved(struct heap *heap, const struct watch_call *call, taddr_t result)
{
	struct behaviour *behaviour = heap->behaviour;
	struct suspect *suspect = &behaviour->watch.list[call->suspect];

	if (!takes_two(behaviour, suspect) || call->moved == result)
		return false;
	if (result != call->args[0] && live_at(&heap->live, call->args[0]))
		claim(behaviour, moved(call->args[0]), call->suspect);
	else if (result != call->args[0])
		suspect->released++, suspect->within = true; /* by free */
	if (!behaviour_fits(heap, suspect, result, call->args[1]))
		return false;
	watch_moved(&behaviour->watch, call->tid, result);
	return true;
}

void behaviour_others_ended(struct heap *heap, const struct watch_call *call, taddr_t result)
{
	struct behaviour *behaviour = heap->behaviour;
	struct suspect *suspect = &behaviour->watch.list[call->suspect];

	if (!result || suspect->no_giver)
		return;
	claimed(behaviour, moved(result)); /* it may be handed out anew: nothing is proved */
	if (call->of_live ? may_be_moved(heap, call, result) : may_be_new(heap, call, result))
		judge(heap, suspect);
	else
		is_no_giver(heap, suspect);
}

/* ---- what becomes of their blocks ----------------------------------------------------------- */

void behaviour_handed(struct heap *heap, int32_t tid, taddr_t addr)
{
	struct behaviour *behaviour = heap->behaviour;
	struct suspect *suspect;

	if (!behaviour || behaviour->stage != SEEKS_OTHERS)
		return;
	watch_handed(&behaviour->watch, tid, addr);
	claimed(behaviour, addr);
	suspect = claimed(behaviour, moved(addr));
	if (!suspect)
		return;
	suspect->released++;
	judge(heap, suspect);
}

void behaviour_taken(struct heap *heap, taddr_t addr)
{
	struct behaviour *behaviour = heap->behaviour;
	struct suspect *suspect;

	if (!behaviour || behaviour->stage != SEEKS_OTHERS)
		return;
	suspect = claimed(behaviour, moved(addr));
	if (suspect) { /* that had only been shown it, or copied it */
		is_no_taker(heap, suspect);
		suspect->released = 0;
	}
	suspect = claimed(behaviour, addr);
	if (!suspect)
		return;
	suspect->taken++;
	judge(heap, suspect);
}
