#include "guard.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static void begin(struct guard *guard, int pid)
{
	char path[32];

	if (guard->mem >= 0)
		close(guard->mem);
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	guard->mem = open(path, O_RDWR | O_CLOEXEC);
	journal_begin(&guard->journal, pid);
}

void guard_image(struct guard *guard, int pid)
{
	guard->count = 0;
	begin(guard, pid);
}

static void add(struct guard *guard, struct journal_trap trap)
{
	if (guard->count == guard->capacity) {
		size_t wanted = guard->capacity ? guard->capacity * 2 : 64;
		struct journal_trap *grown = realloc(guard->list, wanted * sizeof(*grown));

		if (!grown)
			return;
		guard->list = grown;
		guard->capacity = wanted;
	}
	guard->list[guard->count++] = trap;
}

void guard_fork(struct guard *guard, const struct guard *from, int pid)
{
	begin(guard, pid);
	for (size_t i = 0; i < from->count; i++)
		add(guard, from->list[i]);
	journal_add(&guard->journal, guard->list, guard->count);
}

static void forget(struct guard *guard, taddr_t from, taddr_t to)
{
	struct journal_trap *list = guard->list;

	for (size_t i = guard->count; i-- > 0;)
		if (list[i].addr >= from && list[i].addr < to)
			list[i] = list[--guard->count];
	journal_forget(&guard->journal, from, to);
}

void guard_command(struct guard *guard, const struct record *record)
{
	const struct command_plant *plant = (const struct command_plant *)record;
	const struct command_forget *range = (const struct command_forget *)record;
	size_t before = guard->count;

	if (record->kind == CMD_FORGET)
		forget(guard, range->begin, range->end);
	if (record->kind != CMD_PLANT)
		return;
	for (size_t i = 0; i < (record->len - sizeof(*plant)) / sizeof(struct probe); i++)
		add(guard, (struct journal_trap){ plant->probes[i].addr, plant->probes[i].original });
	journal_add(&guard->journal, guard->list + before, guard->count - before);
}

size_t guard_restore(struct guard *guard)
{
	size_t left = 0;

	for (size_t i = 0; i < guard->count; i++) {
		const struct journal_trap *at = &guard->list[i];
		uint8_t byte;

		if (pread(guard->mem, &byte, 1, (off_t)at->addr) != 1 || byte != ARCH_TRAP)
			continue;
		/* 0: the process has ended, and its memory with it */
		left += pwrite(guard->mem, &at->original, 1, (off_t)at->addr) < 0;
	}
	if (!left)
		guard_end(guard);
	return left;
}

void guard_end(struct guard *guard)
{
	journal_end(&guard->journal);
}

void guard_deinit(struct guard *guard)
{
	if (guard->mem >= 0)
		close(guard->mem);
	journal_close(&guard->journal);
	free(guard->list);
	*guard = GUARD_NONE;
}
