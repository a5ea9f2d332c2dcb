#include "at_once.h"

#define TOLD_MAX 20 /* of a process; the others stand in its reports only */

static void tell(const struct reporting *reporting, struct traced *traced)
{
	const struct heap_error *list;
	size_t count = heap_errors(traced->heap, &list);
	const struct options *options = reporting->options;
	const struct heap_program *program = heap_program(traced->heap);
	const struct report head = { .pid = program->pid, .exe = program->exe, .heap = traced->heap };

	if (traced->told > count) /* some have turned out to be none, or were of another program */
		traced->told = count;
	for (; traced->told < count && traced->told < TOLD_MAX; traced->told++)
		for (unsigned i = 0; i < options->dest_count && !list[traced->told].doubted; i++)
			dest_tell(&options->dests[i], &head, &list[traced->told]);
}

void at_once_tell(struct reporting *reporting)
{
	const struct processes *processes = reporting->processes;

	for (size_t i = 0; i < processes->count; i++)
		tell(reporting, processes->list[i]);
}
