#include "processes.h"

#include <stdlib.h>

#include "log.h"
#include "plan.h"

static struct traced *find(struct processes *processes, uint32_t image)
{
	const uint64_t *at;

	if (processes->last && processes->last->image == image)
		return processes->last;
	at = table_find(&processes->by_image, image);
	return at ? processes->last = (struct traced *)(uintptr_t)*at : NULL;
}

static struct traced *find_pid(const struct processes *processes, int pid)
{
	for (size_t i = 0; i < processes->count; i++)
		if (processes->list[i]->pid == pid && !processes->list[i]->ended)
			return processes->list[i];
	return NULL;
}

/* Takes the heap over. */
static struct traced *add(struct processes *processes, int pid, struct heap *heap)
{
	struct traced *traced = calloc(1, sizeof(*traced)), **grown;

	grown = realloc(processes->list, (processes->count + 1) * sizeof(*grown));
	if (grown)
		processes->list = grown;
	if (!heap || !traced || !grown) {
		if (heap)
			heap_free(heap);
		free(traced);
		return NULL;
	}
	*traced = (struct traced){ .pid = pid, .heap = heap, .guard = GUARD_NONE };
	return processes->list[processes->count++] = traced;
}

void processes_init(struct processes *processes, const struct analysis_options *options, int first)
{
	*processes = (struct processes){ .options = *options };
	processes->first = add(processes, first, heap_new(options));
	if (!processes->first)
		die(EXIT_OURS, "cannot start: no memory");
}

static void traced_free(struct traced *traced)
{
	guard_deinit(&traced->guard);
	heap_free(traced->heap);
	free(traced);
}

void processes_drop(struct processes *processes, struct traced *traced)
{
	size_t at = 0;

	while (processes->list[at] != traced)
		at++;
	processes->list[at] = processes->list[--processes->count];
	table_remove(&processes->by_image, traced->image);
	if (processes->last == traced)
		processes->last = NULL;
	traced_free(traced);
}

void processes_deinit(struct processes *processes)
{
	for (size_t i = 0; i < processes->count; i++)
		traced_free(processes->list[i]);
	free(processes->list);
	free(processes->declined);
	table_deinit(&processes->by_image);
	*processes = (struct processes){ 0 };
}

/* ---- records ---------------------------------------------------------------------- */

/* False: no memory. */
static bool set_image(struct processes *processes, struct traced *traced, uint32_t image)
{
	uint64_t *at = table_put(&processes->by_image, image);

	if (!at)
		return false;
	*at = (uintptr_t)traced;
	table_remove(&processes->by_image, traced->image);
	traced->image = image;
	return true;
}

/* The first process's is told by the first record about it. */
static struct traced *find_or_meet(struct processes *processes, const struct record *record)
{
	struct traced *first = processes->first, *found = find(processes, record->image);

	if (found)
		return found;
	if (!record->image) /* about no process in particular */
		return first;
	if (first->image || record->pid != first->pid)
		return NULL;
	return set_image(processes, first, record->image) ? first : NULL;
}

static struct traced *on_exec(struct processes *processes, const struct record *record)
{
	struct traced *traced = find_pid(processes, record->pid);

	if (!traced) /* it had shared the memory of another */
		traced = add(processes, record->pid, heap_new(&processes->options));
	return traced && set_image(processes, traced, record->image) ? traced : NULL;
}

static struct traced *on_fork(struct processes *processes, const struct record *record)
{
	const struct record_fork *fork = (const struct record_fork *)record;
	const struct traced *parent = find(processes, fork->from);
	struct heap *heap = parent ? heap_fork(parent->heap, fork) : NULL;
	struct traced *traced = add(processes, record->pid, heap);

	if (!traced)
		return NULL;
	if (!set_image(processes, traced, record->image)) {
		processes_drop(processes, traced);
		return NULL;
	}
	traced->executed = true;
	guard_fork(&traced->guard, &parent->guard, traced->pid);
	return traced;
}

static struct traced *process_of_record(struct processes *processes, const struct record *record)
{
	switch (record->kind) {
	case REC_FORK:
		return on_fork(processes, record);
	case REC_EXEC:
		return on_exec(processes, record);
	}
	return find_or_meet(processes, record);
}

/* The record is of its own memory, or of its parent's. */
static void on_left(struct processes *processes, struct traced *traced, const struct record *record)
{
	bool own = traced && traced->pid == record->pid;

	heap_note(own || !traced ? processes->first->heap : traced->heap,
	          "a child that runs a program with privileges was not followed there: tracing "
	          "would take them away");
	if (!own)
		return;
	guard_end(&traced->guard);
	processes_drop(processes, traced);
}

static bool is_held(const struct record *record)
{
	return (record->kind == REC_MAP && ((const struct record_map *)record)->held) ||
	       (record->kind == REC_WATCH && ((const struct record_watch *)record)->held);
}

/* It is held for an answer, but its memory's owner has ended, or there was no memory to
 * keep anything of it. False: no memory for that either. */
static bool decline(struct processes *processes, const struct record *record)
{
	struct record *grown;

	if (record->kind != REC_LOADER && record->kind != REC_RETURNS &&
	    record->kind != REC_POINT && record->kind != REC_EXEC &&
	    record->kind != REC_FORK && !is_held(record))
		return true;
	if (record->kind == REC_EXEC || record->kind == REC_FORK)
		heap_note(processes->first->heap, "no memory to follow process %d", record->pid);
	grown = realloc(processes->declined, (processes->declined_count + 1) * sizeof(*grown));
	if (!grown)
		return false;
	processes->declined = grown;
	grown[processes->declined_count++] = (struct record){
		.len = sizeof(*grown), .kind = CMD_GO, .image = record->image, .tid = record->tid
	};
	return true;
}

struct traced *processes_apply(struct processes *processes, const struct record *record,
                               bool *stuck)
{
	struct traced *traced = process_of_record(processes, record);

	if (record->kind == REC_LEFT) {
		on_left(processes, traced, record);
		return NULL;
	}
	if (!traced) {
		*stuck |= !decline(processes, record);
		return NULL;
	}
	if (record->kind == REC_EXEC || record->kind == REC_ATTACHED) {
		traced->executed = true;
		traced->released = traced->reported = false;
		traced->told = 0;
		guard_image(&traced->guard, record->pid);
	}
	if (record->kind == REC_LIFTED || record->kind == REC_EXIT)
		guard_end(&traced->guard);
	traced->released |= record->kind == REC_RELEASED;
	if (record->kind == REC_EXIT) {
		traced->ended = true;
		traced->status = ((const struct record_status *)record)->status;
	}
	processes->last = traced;
	if (record->kind != REC_FORK) /* heap_fork did */
		heap_apply(traced->heap, record);
	return traced;
}

/* ---- all of them ------------------------------------------------------------------- */

bool processes_wait(const struct processes *processes)
{
	for (size_t i = 0; i < processes->count; i++)
		if (heap_command(processes->list[i]->heap))
			return true;
	return processes->declined_count;
}

size_t processes_restore(struct processes *processes)
{
	size_t left = 0;

	for (size_t i = 0; i < processes->count; i++)
		left += guard_restore(&processes->list[i]->guard);
	return left;
}
