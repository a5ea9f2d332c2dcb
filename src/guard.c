#include "guard.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "journal.h"

struct guarded {
	taddr_t addr;
	uint8_t original;
};

static struct guarded *list;
static size_t count, capacity;
static int mem = -1;

void guard_image(int pid)
{
	char path[32];

	if (mem >= 0)
		close(mem);
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	mem = open(path, O_RDWR | O_CLOEXEC);
	count = 0;
	journal_begin(pid);
}

static void add(const struct probe *probe)
{
	if (count == capacity) {
		size_t wanted = capacity ? capacity * 2 : 64;
		struct guarded *grown = realloc(list, wanted * sizeof(*grown));

		if (!grown)
			return;
		list = grown;
		capacity = wanted;
	}
	list[count++] = (struct guarded){ probe->addr, probe->original };
}

static void forget(taddr_t begin, taddr_t end)
{
	for (size_t i = count; i-- > 0;)
		if (list[i].addr >= begin && list[i].addr < end)
			list[i] = list[--count];
}

void guard_command(const struct record *record)
{
	const struct command_plant *plant = (const struct command_plant *)record;
	const struct command_forget *range = (const struct command_forget *)record;

	size_t probes = (record->len - sizeof(*plant)) / sizeof(struct probe);

	if (record->kind == CMD_FORGET) {
		forget(range->begin, range->end);
		journal_forget(range->begin, range->end);
	}
	if (record->kind != CMD_PLANT)
		return;
	journal_add(plant->probes, probes);
	for (size_t i = 0; i < probes; i++)
		add(&plant->probes[i]);
}

size_t guard_restore(void)
{
	size_t left = 0;

	for (size_t i = 0; i < count; i++) {
		uint8_t byte;

		if (pread(mem, &byte, 1, (off_t)list[i].addr) != 1 || byte != ARCH_TRAP)
			continue;
		/* 0: the process has ended, and its memory with it */
		left += pwrite(mem, &list[i].original, 1, (off_t)list[i].addr) < 0;
	}
	return left;
}

void guard_end(void)
{
	journal_end();
}
