#include "command.h"

#include <errno.h>

#include "cost.h"
#include "emit.h"
#include "probe.h"
#include "seize.h"
#include "step.h"
#include "thread.h"

static void plant(struct space *space, const struct command_plant *command)
{
	size_t count = (command->record.len - sizeof(*command)) / sizeof(struct probe);

	cost_begin();
	for (size_t i = 0; i < count; i++) {
		int error = bp_plant(space, &command->probes[i]);

		if (error < 0 && error != -EEXIST)
			emit_refused(command->probes[i].addr, -error);
	}
}

static void go(struct thread *thread, const struct space *space)
{
	struct arch_regs trapped, regs;
	struct resume resume = { GO_RUN, 0 };

	if (!thread || !thread->held)
		return;
	thread->held = false;
	if (thread->step.addr && step_get_regs(thread->tid, &trapped) == 0) {
		struct probe on = thread->step;

		thread->step.addr = 0;
		regs = trapped;
		arch_set_pc(&regs, on.addr);
		resume = probe_run_on(thread, space, &on, &trapped, &regs, false);
	}
	thread_resume(thread, resume);
}

bool command_obey(struct space *space, const struct record *record)
{
	/* answers to what an image did that has execed meanwhile */
	if (record->image != space->image &&
	    (record->kind == CMD_PLANT || record->kind == CMD_FORGET || record->kind == CMD_GO))
		return true;
	switch (record->kind) {
	case CMD_SEIZE:
		seize_launched(record->tid);
		break;
	case CMD_ATTACH:
		seize_running(space, record->tid);
		break;
	case CMD_PLANT:
		plant(space, (const struct command_plant *)record);
		break;
	case CMD_FORGET: {
		const struct command_forget *forget = (const struct command_forget *)record;

		bp_forget(space, forget->begin, forget->end);
		break;
	}
	case CMD_GO:
		go(thread_find(record->tid), space);
		break;
	case CMD_DETACH:
		return false;
	}
	return true;
}
