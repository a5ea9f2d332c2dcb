#include "outbox.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define PLANT_MAX 1024 /* probes in one command */

void note_add(void *ctx, const char *sentence)
{
	struct notes *notes = &((struct heap *)ctx)->notes;
	char **grown;

	for (size_t i = 0; i < notes->count; i++)
		if (strcmp(notes->list[i], sentence) == 0)
			return;
	grown = realloc(notes->list, (notes->count + 2) * sizeof(*grown));
	if (!grown)
		return;
	notes->list = grown;
	notes->list[notes->count] = strdup(sentence);
	notes->count += notes->list[notes->count] != NULL;
}

static void note_drop(struct notes *notes, size_t i)
{
	free(notes->list[i]);
	notes->count--;
	memmove(&notes->list[i], &notes->list[i + 1],
	        (notes->count - i) * sizeof(*notes->list));
}

void note_change(struct heap *heap, const char *was, const char *now)
{
	struct notes *notes = &heap->notes;
	size_t i = 0;
	char *copy;

	while (i < notes->count && (!was || strcmp(notes->list[i], was) != 0))
		i++;
	if (i == notes->count) {
		if (now)
			note_add(heap, now);
		return;
	}
	copy = now ? strdup(now) : NULL;
	if (copy) {
		free(notes->list[i]);
		notes->list[i] = copy;
	} else {
		note_drop(notes, i);
	}
}

void heap_note(struct heap *heap, const char *fmt, ...)
{
	char sentence[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(sentence, sizeof(sentence), fmt, args);
	va_end(args);
	note_add(heap, sentence);
}

bool commands_reserve(struct heap *heap, size_t len)
{
	size_t wanted = heap->commands_end + len;
	uint8_t *grown;

	if (wanted <= heap->commands_capacity)
		return true;
	grown = realloc(heap->commands, wanted * 2);
	if (!grown)
		return false;
	heap->commands = grown;
	heap->commands_capacity = wanted * 2;
	return true;
}

/* A thread that waits for its CMD_GO must get it: there is always room for one. */
struct record *command_add(struct heap *heap, enum command_kind kind, pid_t tid, size_t len)
{
	size_t wanted = heap->commands_end + ((len + 7) & ~(size_t)7);
	struct record *record;

	if (!commands_reserve(heap, wanted - heap->commands_end + sizeof(*record)) && kind != CMD_GO)
		return NULL;
	record = (struct record *)(heap->commands + heap->commands_end);
	memset(record, 0, sizeof(*record));
	record->len = wanted - heap->commands_end;
	record->kind = kind;
	record->tid = tid;
	record->image = heap->image_number;
	heap->commands_end = wanted;
	return record;
}

/* The ring has room for a piece of the whole. */
void command_plant(struct heap *heap, struct plan *plan)
{
	struct command_plant *plant;

	for (size_t i = 0, some; i < plan->count; i += some) {
		some = plan->count - i < PLANT_MAX ? plan->count - i : PLANT_MAX;
		plant = (struct command_plant *)command_add(
			heap, CMD_PLANT, 0, sizeof(*plant) + some * sizeof(*plan->probes));
		if (plant)
			memcpy(plant->probes, &plan->probes[i], some * sizeof(*plan->probes));
	}
	free(plan->probes);
}

void command_lift(struct heap *heap, uint32_t begin, uint32_t end, bool shared)
{
	struct command_lift *command =
		(struct command_lift *)command_add(heap, CMD_LIFT, 0, sizeof(*command));

	if (!command)
		return;
	command->begin = begin;
	command->end = end;
	command->shared = shared;
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
