/* Whatever an allocator's code looks like, it cannot but do three things, and each shows another
 * function:
 *
 *   it takes memory from the kernel. Then malloc is on the stack, among others: the one that,
 *   each time it is called with a number, returns an aligned address of as many bytes inside of
 *   what was taken. What calls it does so, too, but is called less often, as is what it calls
 *   when there is nothing left; so the first of them that has done so often enough is it.
 *
 *   it hands out again what was taken back. So free is known by being given a block last before
 *   that is handed out anew. Every function with one argument is watched, and left alone once it
 *   is given what is no block: most are at their first call. What calls free with the block, or is
 *   called by it, is told from it by being given fewer. One with two arguments, as C++'s
 *   sized delete, must be given the size that was asked for. A function that makes ready each new
 *   block would be given it last, too, were free not among those watched: but then nothing is
 *   handed out before that, and it has nothing to do with malloc's own data.
 *
 *   it hands out blocks by other functions, which end where malloc or free do, see
 *   behaviour_others.c.
 *
 * None is believed on the way: their calls are no events. What is found is planted as if its name
 * had been there, is on trial like what was found by its code, see trust.h, and the blocks that
 * were handed out until then are unknown, as after an attach. */
#include "behaviour.h"

#include <stdlib.h>

#include "behaviour_parts.h"
#include "outbox.h"
#include "trust.h"

#define SIZE_MAX_BELIEVED (UINT64_C(1) << 40) /* bytes of a block */
#define CALLER_DEPTH 3
#define STACK_DEPTH 16      /* frames from the system call outwards */
#define AGAIN_MIN 32        /* blocks handed out again before free is judged, */
#define PART_OF_ALL(n) ((n) / 4) /* and how many it must have been given: others take some, too; */
#define PART_OF_GIVEN(n) ((n) / 16 * 15) /* and of those that it was given, as the last one */
#define APART_MIN 16        /* of them with others handed out in between */
#define AGAIN_MAX 65536     /* without one: it is not found */
#define CALLS_MAX 1000000   /* of one that may be anything: it is left alone */
#define CODE_MAX (8u << 20) /* bytes: reading more takes too long, */
#define CODE_WAIT_MAX (2u << 20) /* and for more a program does not wait */
#define DATA_DEPTH 2        /* calls from a function to what names the allocator's data */

/* ---- the end -------------------------------------------------------------------------------- */

void behaviour_forget(struct heap *heap)
{
	struct behaviour *behaviour = heap->behaviour;

	heap->behaviour = NULL;
	if (!behaviour)
		return;
	command_add(heap, CMD_HOLD_NOT, 0, sizeof(struct record));
	note_change(heap, behaviour->told, NULL);
	begins_free(&behaviour->begins);
	facts_free(&behaviour->facts);
	code_close(&behaviour->code);
	watch_deinit(&behaviour->watch);
	lives_deinit(&behaviour->lives);
	table_deinit(&behaviour->claims);
	table_deinit(&behaviour->stacks);
	table_deinit(&behaviour->owners);
	free(behaviour->told);
	free(behaviour);
}

void behaviour_refuted(struct heap *heap)
{
	if (!heap->behaviour)
		return;
	watch_drop_all(heap, &heap->behaviour->watch);
	behaviour_forget(heap);
}

static void give_up(struct heap *heap, const char *why)
{
	const struct module *module = heap->behaviour->module;

	behaviour_refuted(heap);
	heap_note(heap, "no allocator function was found in %s by names or by code, nor by what its "
	          "functions do: %s", module->path, why);
}

/* ---- malloc --------------------------------------------------------------------------------- */

static void tell(struct heap *heap, struct behaviour *behaviour)
{
	if (asprintf(&behaviour->told,
	             "no allocator function was found in %s by names or by code: it is looked for "
	             "by what its functions do", behaviour->module->path) < 0)
		behaviour->told = NULL;
	else
		note_add(heap, behaviour->told);
}

static uint64_t code_bytes(const struct elf *elf)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < elf->segment_count; i++)
		if (elf->segments[i].executable)
			bytes += elf->segments[i].filesz;
	return bytes;
}

void behaviour_begin(struct heap *heap, struct module *module)
{
	uint64_t bytes = code_bytes(&module->elf);
	struct behaviour *behaviour = heap->behaviour || bytes > CODE_MAX ?
	                              NULL : calloc(1, sizeof(*behaviour));

	if (!behaviour)
		return;
	heap->behaviour = behaviour;
	behaviour->module = behaviour->watch.module = module;
	behaviour->facts.code = &behaviour->code;
	tell(heap, behaviour);
	if (!heap->attached && bytes <= CODE_WAIT_MAX) /* whoever starts it may wait a little */
		command_add(heap, CMD_HOLD, 0, sizeof(struct record));
}

/* Not before it is needed: a program waits for its exec, and a child for its fork. */
static bool read_code(struct heap *heap)
{
	struct behaviour *behaviour = heap->behaviour;

	if (behaviour->code.parts)
		return true;
	if (code_open(&behaviour->code, behaviour->module, resolver_decoder(heap->resolver)) &&
	    code_find_calls(&behaviour->code) &&
	    begins_find(&behaviour->begins, &behaviour->facts))
		return true;
	give_up(heap, "no memory");
	return false;
}

void behaviour_fork(struct heap *heap, const struct heap *from)
{
	const struct behaviour *was = from->behaviour;

	if (!was)
		return;
	watch_lift(heap);
	for (size_t i = 0; was->stage != SEEKS_OTHERS && i < heap->modules.count; i++)
		if (from->modules.all[i] == was->module) {
			note_change(heap, was->told, NULL);
			behaviour_begin(heap, heap->modules.all[i]);
		}
}

#define BEGINS_OF 2

/* Of the function that the instruction is in. The compiler may have moved that part away from
 * another one, or it is one that others only jump to: then it may be either. */
static unsigned begins_of(struct behaviour *behaviour, taddr_t insn, taddr_t begins[BEGINS_OF])
{
	taddr_t end;
	uint64_t *owner;

	if (!unwind_bounds(behaviour->module, insn, &begins[0], &end)) {
		begins[0] = code_function(&behaviour->code, insn);
		return begins_has(&behaviour->begins, begins[0]);
	}
	owner = table_put(&behaviour->owners, begins[0]); /* to find it takes long */
	if (owner && !*owner)
		*owner = code_function(&behaviour->code, begins[0]);
	begins[1] = owner ? *owner : 0;
	return begins[1] && begins[1] != begins[0] ? 2 : 1;
}

/* With what calls it with what it is given itself, or jumps on to it, for that may be called more
 * often: malloc takes most blocks from what another function has filled. */
static void add_suspect(struct behaviour *behaviour, taddr_t begin, int depth)
{
	struct address_set refs = { 0 };
	taddr_t begins[BEGINS_OF];

	if (behaviour->watch.count == SUSPECTS_MAX || !watch_add(&behaviour->watch, begin) ||
	    !depth)
		return;
	code_find_refs(&behaviour->code, begin, begin + 1, &refs);
	for (size_t i = 0; i < refs.count; i++)
		for (unsigned k = begins_of(behaviour, refs.list[i], begins); k-- > 0;) {
			const struct facts *facts = facts_of(&behaviour->facts, begins[k]);

			if (facts && facts->args == TAKES_0)
				add_suspect(behaviour, begins[k], depth - 1);
		}
	address_set_free(&refs);
}

static void add_of_stack(struct heap *heap, uint32_t stack)
{
	struct behaviour *behaviour = heap->behaviour;
	taddr_t begins[BEGINS_OF];
	struct frame *frame;

	for (int i = 0; i < STACK_DEPTH && (frame = site_walk(&heap->sites, &stack)); i++) {
		taddr_t call = module_file_address(behaviour->module, frame->addr - 1);

		for (unsigned k = frame->module == behaviour->module ?
		                  begins_of(behaviour, call, begins) : 0; k-- > 0;)
			add_suspect(behaviour, begins[k], CALLER_DEPTH);
	}
}

void behaviour_mapped(struct heap *heap, uint32_t stack)
{
	struct behaviour *behaviour = heap->behaviour;
	uint64_t *seen = behaviour && behaviour->stage == SEEKS_MALLOC ?
	                 table_put(&behaviour->stacks, stack + UINT64_C(1)) : NULL;
	size_t first;

	if (behaviour && behaviour->stage == SEEKS_OTHERS)
		behaviour_others_held(heap);
	if (!seen || (*seen)++ || !read_code(heap))
		return;
	first = behaviour->watch.count;
	add_of_stack(heap, stack);
	watch_plant(heap, &behaviour->watch, first, true);
}

bool behaviour_is_number(const struct heap *heap, uint64_t value)
{
	return value <= SIZE_MAX_BELIEVED && !vmas_at(&heap->maps.space.vmas, value);
}

bool behaviour_fits(struct heap *heap, struct suspect *suspect, taddr_t addr, uint64_t size)
{
	if (!addr || !size || !behaviour_is_number(heap, size))
		return true;
	return trial_count(&suspect->trial, trial_fit(trust_place(heap, addr, size)));
}

static void watch_takers(struct heap *heap, struct behaviour *behaviour)
{
	struct watch *watch = &behaviour->watch;
	size_t first = watch->count;

	for (size_t i = 0; i < behaviour->begins.count; i++) {
		taddr_t begin = behaviour->begins.list[i];
		const struct facts *facts = facts_of(&behaviour->facts, begin);

		if (facts && facts->args & TAKES_0 && watch->count - first < SUSPECTS_MAX)
			watch_add(watch, begin);
	}
	watch_plant(heap, watch, first, false);
}

static void malloc_found(struct heap *heap, uint32_t suspect)
{
	struct behaviour *behaviour = heap->behaviour;

	watch_drop_others(heap, &behaviour->watch, suspect);
	behaviour->stage = SEEKS_FREE;
	behaviour->malloc = suspect;
	watch_takers(heap, behaviour);
}

/* ---- free ----------------------------------------------------------------------------------- */

static void add_data(struct behaviour *behaviour, taddr_t function, struct address_set *data)
{
	struct address_set reached = { 0 };

	facts_reached(&behaviour->facts, function, DATA_DEPTH, &reached);
	for (size_t i = 0; i < reached.count; i++) {
		const struct facts *facts = facts_of(&behaviour->facts, reached.list[i]);

		for (unsigned k = 0; facts && k < facts->data_count; k++)
			address_set_add(data, facts->data[k]);
	}
	address_set_free(&reached);
}

static bool shares_data(struct behaviour *behaviour, taddr_t a, taddr_t b)
{
	struct address_set of_a = { 0 }, of_b = { 0 };
	bool shared = false;

	add_data(behaviour, a, &of_a);
	add_data(behaviour, b, &of_b);
	for (size_t i = 0; i < of_a.count; i++)
		shared |= address_set_has(&of_b, of_a.list[i]);
	address_set_free(&of_a);
	address_set_free(&of_b);
	return shared;
}

static bool is_free(struct behaviour *behaviour, const struct suspect *suspect)
{
	const struct suspect *malloc = &behaviour->watch.list[behaviour->malloc];

	return !suspect->gone && suspect->released >= PART_OF_ALL(behaviour->lives.again) &&
	       suspect->released >= PART_OF_GIVEN(suspect->given) &&
	       suspect->apart >= APART_MIN &&
	       shares_data(behaviour, suspect->begin, malloc->begin);
}

/* Of those that were given as many the innermost, which may be given more yet. */
static void judge_takers(struct heap *heap, const struct life *life)
{
	struct behaviour *behaviour = heap->behaviour;
	struct suspect *list = behaviour->watch.list;
	uint32_t best = life->chain[0];

	for (unsigned i = 0; i < life->count; i++)
		if (list[life->chain[i]].released >= list[best].released)
			best = life->chain[i];
	if (is_free(behaviour, &list[best]))
		behaviour_found(heap, behaviour->malloc, best);
}

static void handed_again(struct suspect *list, const struct life *life)
{
	for (unsigned i = 0; i < life->before_count; i++)
		list[life->before[i]].given++;
	for (unsigned i = 0; i < life->count; i++) {
		struct suspect *suspect = &list[life->chain[i]];

		suspect->given++;
		suspect->released++;
		suspect->apart += life->apart;
	}
}

static void handed(struct heap *heap, taddr_t addr, uint64_t size)
{
	struct behaviour *behaviour = heap->behaviour;
	struct life life;

	/* before their traps stand nobody is seen to be given anything */
	if (!behaviour->takers_seen || !lives_handed(&behaviour->lives, addr, size, &life))
		return;
	handed_again(behaviour->watch.list, &life);
	if (life.count && behaviour->lives.given_again % AGAIN_MIN == 0)
		judge_takers(heap, &life);
	else if (behaviour->lives.again >= AGAIN_MAX)
		give_up(heap, "none takes back what is handed out again");
}

bool behaviour_is_no_block(struct heap *heap, taddr_t addr)
{
	enum place place = trust_place(heap, addr, 1);

	return place == PLACE_STACK || trial_fit(place) == FIT_NEVER;
}

/* A second argument can only be the size that was asked for. */
bool behaviour_takes(struct behaviour *behaviour, const struct watch_call *call, uint64_t size)
{
	const struct suspect *suspect = &behaviour->watch.list[call->suspect];
	const struct facts *facts = facts_of(&behaviour->facts, suspect->begin);

	return facts && (facts->args == TAKES_0 || call->args[1] == size);
}

static void given(struct heap *heap, const struct watch_call *call)
{
	struct behaviour *behaviour = heap->behaviour;
	taddr_t addr = call->args[0];
	struct life *life = addr ? lives_of(&behaviour->lives, addr) : NULL;

	behaviour->takers_seen = true;
	if (!addr)
		return;
	if (life ? !behaviour_takes(behaviour, call, life->size) :
	           behaviour_is_no_block(heap, addr))
		watch_drop(heap, &behaviour->watch, call->suspect);
	else if (life)
		lives_given(&behaviour->lives, life, call->suspect, call->tid, call->slot);
}

/* ---- what is told --------------------------------------------------------------------------- */

static void gave(struct heap *heap, const struct watch_call *call, taddr_t result)
{
	struct behaviour *behaviour = heap->behaviour;
	struct suspect *suspect = &behaviour->watch.list[call->suspect];
	const struct facts *facts = facts_of(&behaviour->facts, suspect->begin);

	if (!facts || !behaviour_fits(heap, suspect, result, call->args[0]))
		watch_drop(heap, &behaviour->watch, call->suspect);
	else if (suspect->trial.trust == HEAP_CONFIRMED && facts->args == TAKES_0)
		/* of several the first, the innermost */
		malloc_found(heap, call->suspect);
}

static void ended(struct heap *heap, const struct watch_call *call, taddr_t result)
{
	struct behaviour *behaviour = heap->behaviour;

	if (behaviour->watch.list[call->suspect].gone)
		return;
	if (behaviour->stage == SEEKS_MALLOC)
		gave(heap, call, result);
	else if (behaviour->stage == SEEKS_OTHERS)
		behaviour_others_ended(heap, call, result);
	else if (call->suspect == behaviour->malloc && result)
		handed(heap, result, call->args[0]);
}

static void begun(struct heap *heap, const struct record_watch *record)
{
	struct behaviour *behaviour = heap->behaviour;
	struct watch *watch = &behaviour->watch;
	struct watch_call call;
	bool is_malloc;

	if (!watch_begun(watch, record, &call))
		return;
	is_malloc = behaviour->stage == SEEKS_FREE && call.suspect == behaviour->malloc;
	if (++watch->list[call.suspect].calls > CALLS_MAX && is_malloc) {
		give_up(heap, "none takes back what it hands out");
	} else if (watch->list[call.suspect].calls > CALLS_MAX) {
		watch_drop(heap, watch, call.suspect);
	} else if (behaviour->stage == SEEKS_FREE && !is_malloc) {
		given(heap, &call);
	} else {
		if (behaviour->stage == SEEKS_OTHERS) {
			behaviour_others_held(heap);
			behaviour_others_begun(heap, &call);
		}
		watch_keep(watch, &call);
	}
}

void behaviour_thread_ended(struct heap *heap, int32_t tid)
{
	if (heap->behaviour)
		watch_thread_ended(&heap->behaviour->watch, tid);
}

/* What was seen until then tells nothing of what is seen now. */
void behaviour_begin_anew(struct heap *heap)
{
	struct behaviour *behaviour = heap->behaviour;

	if (!behaviour)
		return;
	table_clear(&behaviour->claims);
	lives_deinit(&behaviour->lives);
	behaviour->watch.call_count = 0;
}

void behaviour_watched(struct heap *heap, const struct record_watch *record)
{
	const struct suspect *found = heap->behaviour ?
	                              watch_found(&heap->behaviour->watch, record) : NULL;
	struct watch_call call;

	if (found && !found->within)
		behaviour_others_late(heap, record);
	if (heap->behaviour && !record->ended)
		begun(heap, record);
	while (heap->behaviour && record->ended &&
	       watch_ended(&heap->behaviour->watch, record, &call))
		ended(heap, &call, record->values[0]);
}
