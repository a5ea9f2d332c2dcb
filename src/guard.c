#include "guard.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static struct guard *first;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of all guards, not of journals */

static bool is_listed(const struct guard *guard)
{
	for (const struct guard *at = first; at; at = at->next)
		if (at == guard)
			return true;
	return false;
}

static void begin(struct guard *guard, int pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	pthread_mutex_lock(&lock);
	if (guard->mem >= 0)
		close(guard->mem);
	guard->mem = open(path, O_RDWR | O_CLOEXEC);
	guard->count = 0;
	if (!is_listed(guard)) {
		guard->next = first;
		first = guard;
	}
	pthread_mutex_unlock(&lock);
	journal_begin(&guard->journal, pid);
}

void guard_image(struct guard *guard, int pid)
{
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
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < from->count; i++)
		add(guard, from->list[i]);
	pthread_mutex_unlock(&lock);
	journal_add(&guard->journal, guard->list, guard->count);
}

static void forget(struct guard *guard, taddr_t from, taddr_t to)
{
	struct journal_trap *list = guard->list;

	pthread_mutex_lock(&lock);
	for (size_t i = guard->count; i-- > 0;)
		if (list[i].addr >= from && list[i].addr < to)
			list[i] = list[--guard->count];
	pthread_mutex_unlock(&lock);
	journal_forget(&guard->journal, from, to);
}

static void add_planned(struct guard *guard, const struct command_plant *plant)
{
	size_t before = guard->count;
	const struct probe *end =
		(const struct probe *)((const char *)plant + plant->record.len);

	pthread_mutex_lock(&lock);
	for (const struct probe *probe = plant->probes; probe < end; probe++)
		if (probe->kind != PROBE_PASS) /* no trap stands there */
			add(guard, (struct journal_trap){ probe->addr, probe->original,
			                                  probe->kind == PROBE_ENTRY });
	pthread_mutex_unlock(&lock);
	journal_add(&guard->journal, guard->list + before, guard->count - before);
}

void guard_command(struct guard *guard, const struct record *record)
{
	const struct command_forget *range = (const struct command_forget *)record;

	if (record->kind == CMD_FORGET)
		forget(guard, range->begin, range->end);
	if (record->kind == CMD_PLANT)
		add_planned(guard, (const struct command_plant *)record);
}

static bool restore(const struct guard *guard, const struct journal_trap *trap)
{
	uint8_t byte;

	if (pread(guard->mem, &byte, 1, (off_t)trap->addr) != 1 || byte != ARCH_TRAP)
		return true;
	/* 0: the process has ended, and its memory with it */
	return pwrite(guard->mem, &trap->original, 1, (off_t)trap->addr) >= 0;
}

static size_t restore_those(const struct guard *guard, bool entries)
{
	size_t left = 0;

	for (size_t i = 0; i < guard->count; i++)
		if (guard->list[i].is_entry == entries)
			left += !restore(guard, &guard->list[i]);
	return left;
}

size_t guard_restore(struct guard *guard)
{
	size_t left;

	pthread_mutex_lock(&lock);
	left = restore_those(guard, true);
	left += restore_those(guard, false);
	pthread_mutex_unlock(&lock);
	if (!left)
		guard_end(guard);
	return left;
}

void guard_tracer_killed(void)
{
	pthread_mutex_lock(&lock);
	for (const struct guard *guard = first; guard; guard = guard->next)
		restore_those(guard, true);
	for (const struct guard *guard = first; guard; guard = guard->next)
		restore_those(guard, false);
	pthread_mutex_unlock(&lock);
}

void guard_end(struct guard *guard)
{
	journal_end(&guard->journal);
}

void guard_deinit(struct guard *guard)
{
	pthread_mutex_lock(&lock);
	for (struct guard **at = &first; *at; at = &(*at)->next)
		if (*at == guard) {
			*at = guard->next;
			break;
		}
	pthread_mutex_unlock(&lock);
	if (guard->mem >= 0)
		close(guard->mem);
	journal_close(&guard->journal);
	free(guard->list);
	*guard = GUARD_NONE;
}
