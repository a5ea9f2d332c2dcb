/* Consecutive stacks of a thread share their outer frames. The tracer says from
 * which address on the stack is as it was; a frame that lies there and has the
 * same pc, sp and callee-saved registers as one of the previous walk has the same
 * callers, so the walk stops and takes them over. */
#include "unwind.h"

#include <stdlib.h>
#include <string.h>

#include "unwind_answers.h"

#define CACHE_SIZE 16384 /* unwind rows kept; libunwind's own default is 128 */

/* The previous walk's frame that is this one, its callers with it, or count. */
static unsigned meet(const struct unwound *last, const struct unwound_frame *frame,
                     unsigned from)
{
	for (; from < last->count && last->frames[from].regs.sp < frame->regs.sp; from++)
		;
	if (from < last->count &&
	    memcmp(&last->frames[from].regs, &frame->regs, sizeof(frame->regs)) == 0 &&
	    last->frames[from].exact == frame->exact)
		return from;
	return last->count;
}

struct walk {
	struct unwinder *unwinder;
	struct unwound_frame *to;
	unsigned count;
	bool ended; /* at the bottom */
};

/* Is it what a signal handler returns to? */
static bool is_trampoline(const struct unwinder *unwinder, taddr_t pc)
{
	const struct module *module = unwinder_module(unwinder, pc);
	uint8_t bytes[ARCH_SIGRETURN_LEN];

	return module &&
	       elf_read(&module->elf, module_file_address(module, pc), bytes, sizeof(bytes)) == 0 &&
	       memcmp(bytes, ARCH_SIGRETURN, sizeof(bytes)) == 0;
}

/* STEPPED_ANEW: the cursor does not know of it. */
enum stepped { STEPPED, STEPPED_ANEW, STEPPED_NOWHERE };

/* Where libunwind, without a table, would guess by rbp. */
static enum stepped step_by_code(struct walk *walk, bool interrupted, enum way_back *way)
{
	struct unwound_frame *frame = &walk->to[walk->count];

	*way = unwinder_way_back(walk->unwinder, &frame[-1], interrupted, &frame->regs);
	walk->ended = *way == WAY_NONE;
	if (*way != WAY_FOUND)
		return STEPPED_NOWHERE;
	frame->stack = 0;
	frame->exact = interrupted || is_trampoline(walk->unwinder, frame->regs.pc);
	walk->count++;
	return STEPPED_ANEW;
}

/* One frame outwards. Behind a trampoline stands the interrupted frame, whose pc is
 * no return address: the cursor must be set up anew to know. */
static enum stepped step(struct walk *walk, unw_cursor_t *cursor)
{
	struct unwound_frame *frame = &walk->to[walk->count];
	bool interrupted = is_trampoline(walk->unwinder, frame[-1].regs.pc);
	enum way_back way;
	enum stepped stepped = step_by_code(walk, interrupted, &way);
	int more;

	if (way != WAY_TABLES)
		return stepped;
	more = unw_step(cursor);
	frame->stack = 0;
	if (more > 0)
		unwinder_frame(cursor, &frame->regs);
	if (more <= 0 || !frame->regs.pc) {
		walk->ended = more >= 0;
		return STEPPED_NOWHERE;
	}
	frame->exact = interrupted || is_trampoline(walk->unwinder, frame->regs.pc);
	walk->count++;
	return interrupted ? STEPPED_ANEW : STEPPED;
}

/* Steps on from the walk's last frame until the bottom, the depth, an error, or a
 * frame of last above unchanged_from, whose index it returns (else last->count). */
static unsigned step_on(struct walk *walk, taddr_t unchanged_from, const struct unwound *last)
{
	struct unwinder *unwinder = walk->unwinder;
	enum stepped stepped = STEPPED_ANEW;
	unw_cursor_t cursor;
	unsigned at = 0;

	while (walk->count < unwinder->depth) {
		const struct unwound_frame *frame = &walk->to[walk->count - 1];

		/* out of code without unwind information libunwind finds the way by rbp,
		 * rightly only from where it was set up */
		if (stepped == STEPPED_ANEW || !unwinder_module(unwinder, frame->regs.pc)) {
			unwinder->start = &frame->regs;
			unwinder->exact = frame->exact;
			if (unw_init_remote(&cursor, unwinder->space, unwinder) < 0)
				return last->count;
		}
		stepped = step(walk, &cursor);
		if (stepped == STEPPED_NOWHERE)
			return last->count;
		frame = &walk->to[walk->count - 1];
		if (frame->regs.sp < unchanged_from)
			continue;
		at = meet(last, frame, at);
		if (at < last->count)
			return at;
	}
	walk->ended = true; /* as deep as was asked */
	return last->count;
}

/* On from a frame that was taken over; not from a trampoline, which is to be stepped
 * to, so that what it interrupted is known for it. */
static void extend(struct walk *walk)
{
	const struct unwound none = { 0 };

	if (walk->count > 1 && is_trampoline(walk->unwinder, walk->to[walk->count - 1].regs.pc))
		walk->count--;
	step_on(walk, UINT64_MAX, &none);
}

/* The frames from met on, the first of which is already there as the walk's last. */
static void take_over(struct walk *walk, const struct unwound *last, unsigned met)
{
	unsigned depth = walk->unwinder->depth, rest = last->count - met, room;

	room = depth - --walk->count;
	memcpy(walk->to + walk->count, last->frames + met,
	       (rest < room ? rest : room) * sizeof(*walk->to));
	walk->count += rest < room ? rest : room;
	walk->ended = !last->truncated;
	if (last->count == depth && walk->count < depth)
		extend(walk);
	else if (rest <= room)
		return;
	for (unsigned i = 0; i < walk->count; i++)
		walk->to[i].stack = 0; /* their callers are others, or fewer */
}

void unwind(struct unwinder *unwinder, const struct stack_image *image,
            const struct stack_image *other, const struct unwound_frame *start,
            taddr_t unchanged_from, struct unwound *last)
{
	struct walk walk = { unwinder, unwinder->scratch, 1, false };
	unsigned met;

	if (!walk.to && !(walk.to = calloc(unwinder->depth, sizeof(*walk.to)))) {
		last->count = 0;
		last->truncated = true;
		return;
	}
	unwinder->image = image;
	unwinder->other = other;
	walk.to[0] = *start;
	met = start->regs.sp >= unchanged_from ? meet(last, &walk.to[0], 0) : last->count;
	if (met == last->count)
		met = step_on(&walk, unchanged_from, last);
	if (met < last->count)
		take_over(&walk, last, met);
	unwinder->scratch = last->frames;
	last->frames = walk.to;
	last->count = walk.count;
	last->truncated = !walk.ended;
}

void unwound_deinit(struct unwound *unwound)
{
	free(unwound->frames);
	*unwound = (struct unwound){ 0 };
}

/* ---- the unwinder ------------------------------------------------------------------ */

struct unwinder *unwinder_new(struct modules *modules, unsigned depth)
{
	struct unwinder *unwinder = calloc(1, sizeof(*unwinder));

	if (!unwinder)
		return NULL;
	unwinder->modules = modules;
	unwinder->depth = depth;
	unwinder->scratch = calloc(depth, sizeof(*unwinder->scratch));
	unwinder->space = unw_create_addr_space(&unwind_answers, 0);
	unwinder->ways_back = ways_back_new();
	if (!unwinder->scratch || !unwinder->space || !unwinder->ways_back) {
		unwinder_free(unwinder);
		return NULL;
	}
	unw_set_caching_policy(unwinder->space, UNW_CACHE_GLOBAL);
	unw_set_cache_size(unwinder->space, CACHE_SIZE, 0);
	return unwinder;
}

void unwinder_free(struct unwinder *unwinder)
{
	if (!unwinder)
		return;
	if (unwinder->upt)
		_UPT_destroy(unwinder->upt);
	if (unwinder->space)
		unw_destroy_addr_space(unwinder->space);
	ways_back_free(unwinder->ways_back);
	free(unwinder->scratch);
	free(unwinder);
}

void unwinder_set_pid(struct unwinder *unwinder, pid_t pid)
{
	if (unwinder->upt)
		_UPT_destroy(unwinder->upt);
	unwinder->upt = _UPT_create(pid);
	unwinder_flush(unwinder);
}

void unwinder_flush(struct unwinder *unwinder)
{
	unw_flush_cache(unwinder->space, 0, 0);
	ways_back_forget(unwinder->ways_back);
	unwinder->index = NULL; /* its module may go */
}
