#include "command.h"

#include <errno.h>
#include <sys/uio.h>

#include "bp.h"
#include "cost.h"
#include "emit.h"
#include "every_call.h"
#include "probe.h"
#include "run_on.h"
#include "seize.h"
#include "step.h"
#include "thread.h"
#include "turn.h"

static void plant(struct space *space, const struct command_plant *command)
{
	size_t count = (command->record.len - sizeof(*command)) / sizeof(struct probe);

	cost_begin();
	for (size_t i = 0; !space->released && i < count; i++) {
		int error = bp_plant(space, &command->probes[i]);

		if (error < 0 && error != -EEXIST && !bp_is_watched(&command->probes[i]))
			emit_refused(space, command->probes[i].addr, -error);
	}
}

/* What was asked for before the front knew of a copy is for the copy as well: a trap that
 * it has already is known there, and code that it has not is not. */
static void plant_in_copies(const struct space *original, const struct command_plant *command)
{
	size_t count = (command->record.len - sizeof(*command)) / sizeof(struct probe);

	for (struct space *copy = NULL; (copy = space_next(copy));)
		for (size_t i = 0; copy->copy_of == original->image && i < count; i++)
			bp_plant(copy, &command->probes[i]);
}

static void lift(struct space *space, const struct command_lift *command)
{
	struct thread *thread;

	if (!space->released)
		bp_lift(space, command);
	for (size_t at = 0; (thread = thread_next(&at));)
		for (unsigned i = 0; thread->space == space && i < LAYERS; i++)
			calls_drop(&thread->layers[i].calls, command->begin, command->end);
}

static void lift_in_copies(const struct space *original, const struct command_lift *command)
{
	for (struct space *copy = NULL; (copy = space_next(copy));)
		if (copy->copy_of == original->image)
			lift(copy, command);
}

/* Of what is under way the end will not be seen. */
static void stop_calls(struct thread *thread)
{
	probe_abandon_all(thread);
	for (unsigned i = 0; i < LAYERS; i++)
		thread->layers[i].last_free.count = 0;
	thread->name_count = 0;
	thread->internal_slot = thread->silent_addr = 0;
	thread->in_earlier_call = false;
}

static void off(struct space *space)
{
	struct thread *thread;

	if (space->released || space->off)
		return;
	bp_off(space);
	for (size_t at = 0; (thread = thread_next(&at));)
		if (thread->space == space)
			stop_calls(thread);
	emit_space(REC_OFF, space);
}

/* As after an attach: calls may be under way, and blocks may be there. */
static void on(struct space *space)
{
	struct thread *thread;

	if (space->released || !space->off)
		return;
	for (size_t at = 0; (thread = thread_next(&at));)
		thread->in_earlier_call |= thread->space == space;
	blocks_deinit(&space->blocks);
	space->is_earlier = true;
	emit_space(REC_ON, space);
	bp_on(space);
}

static void switch_all(struct space *original, void (*turn)(struct space *))
{
	turn(original);
	for (struct space *copy = NULL; (copy = space_next(copy));)
		if (copy->copy_of == original->image)
			turn(copy);
}

static void go(struct thread *thread)
{
	struct arch_regs trapped, regs;
	struct resume resume = { thread->first_stop ? GO_LISTEN : GO_RUN, 0 };

	if (!thread->held)
		return;
	thread->held = false;
	thread->space->copy_of = 0;
	if (!thread->stopped) /* a child, which comes to its first stop yet */
		return;
	thread->first_stop = 0;
	if (thread->step.addr && step_get_regs(thread->tid, &trapped) == 0) {
		struct probe on = thread->step;

		thread->step.addr = 0;
		regs = trapped;
		arch_set_pc(&regs, on.addr);
		resume = run_on(thread, thread->space, &on, &trapped, &regs);
	}
	thread_resume(thread, resume);
}

/* As the program itself could: what it may not write stays as it is. */
static void write_into(const struct thread *thread, const struct command_write *command)
{
	struct iovec ours = { (void *)command->bytes, command->len };
	struct iovec theirs = { (void *)(uintptr_t)command->addr, command->len };

	if (thread->held && command->len <= sizeof(command->bytes))
		process_vm_writev(thread->tid, &ours, 1, &theirs, 1, 0);
}

static void obey_for_space(struct space *space, const struct record *record)
{
	const struct command_forget *range = (const struct command_forget *)record;
	struct thread *thread = thread_find(record->tid);

	if (record->kind == CMD_PLANT) {
		plant(space, (const struct command_plant *)record);
		plant_in_copies(space, (const struct command_plant *)record);
	} else if (record->kind == CMD_LIFT) {
		lift(space, (const struct command_lift *)record);
		lift_in_copies(space, (const struct command_lift *)record);
	} else if (record->kind == CMD_HOLD || record->kind == CMD_HOLD_NOT) {
		space->holds = record->kind == CMD_HOLD;
	} else if (record->kind == CMD_OFF) {
		switch_all(space, off);
	} else if (record->kind == CMD_ON) {
		switch_all(space, on);
	} else if (record->kind == CMD_FORGET) {
		bp_forget(space, range->begin, range->end);
	} else if (record->kind == CMD_QUIET) {
		turn_quiet(space);
	} else if (record->kind == CMD_LOUD) {
		turn_loud(space);
	} else if (record->kind == CMD_EVERY_CALL) {
		every_call_begin(space);
	} else if (!thread || thread->space != space) {
		return; /* it has ended, and its number may be another's by now */
	} else if (record->kind == CMD_WRITE) {
		write_into(thread, (const struct command_write *)record);
	} else {
		go(thread);
	}
}

bool command_obey(const struct record *record)
{
	struct space *space;

	switch (record->kind) {
	case CMD_SEIZE:
		seize_launched(record->tid);
		break;
	case CMD_ATTACH:
		seize_running(record->tid);
		break;
	case CMD_DETACH:
		return false;
	default:
		space = space_find(record->image);
		if (space) /* else it has execed or ended meanwhile */
			obey_for_space(space, record);
	}
	return true;
}
