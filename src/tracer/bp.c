#include "bp.h"

#include <errno.h>
#include <stdlib.h>

#include "emit.h"
#include "map_call.h"
#include "mem.h"
#include "poke.h"

static bool has_room(struct space *space)
{
	size_t capacity = space->capacity ? space->capacity * 2 : 64;
	struct probe *probes;

	if (space->count < space->capacity)
		return true;
	probes = realloc(space->probes, capacity * sizeof(*probes));
	if (!probes)
		return false;
	space->probes = probes;
	space->capacity = capacity;
	return true;
}

static int write_text(pid_t pid, int mem, taddr_t addr, uint8_t byte)
{
	int error = mem_write(mem, addr, &byte, 1);

	return error < 0 ? poke_process(pid, addr, &byte, 1) : 0;
}

static bool is_trap(const struct probe *probe)
{
	return probe->kind != PROBE_PASS && probe->kind != PROBE_LIFTED;
}

bool bp_is_watched(const struct probe *probe)
{
	return probe->kind == PROBE_WATCH || probe->kind == PROBE_WATCH_END;
}

/* Of an allocator's calls; the others tell of what the process is and maps. */
static bool is_of_call(const struct probe *probe)
{
	return probe->kind == PROBE_ENTRY || probe->kind == PROBE_EXIT ||
	       probe->kind == PROBE_INTERNAL || probe->kind == PROBE_NAME ||
	       probe->kind == PROBE_SIGRETURN || bp_is_watched(probe);
}

bool bp_is_out(const struct space *space, const struct probe *probe)
{
	return probe->kind == PROBE_LIFTED || (space->off && is_of_call(probe));
}

static int put_trap(struct space *space, const struct probe *probe)
{
	int error;

	if (!is_trap(probe) || bp_is_out(space, probe))
		return 0;
	error = text_keep(&space->text, space->mem, probe->addr);
	return error < 0 ? error : write_text(space->pid, space->mem, probe->addr, ARCH_TRAP);
}

/* The program may have changed its code since it was in the file. */
static bool is_as_planned(const struct space *space, const struct probe *probe)
{
	const struct twin *twin = &probe->twin;
	uint8_t bytes[UINT8_MAX];

	return mem_read(space->mem, twin->addr, bytes, twin->len) == 0 &&
	       plan_sum(bytes, twin->len) == twin->sum;
}

static bool know(struct space *space, const struct probe *probe)
{
	uint64_t *index = has_room(space) ? table_put(&space->by_addr, probe->addr) : NULL;

	if (!index)
		return false;
	if (!*index)
		*index = ++space->count;
	space->probes[*index - 1] = *probe;
	if (probe->twin.addr && !is_as_planned(space, probe))
		space->probes[*index - 1].twin.addr = 0;
	return true;
}

static bool is_to_return(const struct probe *probe)
{
	return probe->function == NO_FUNCTION || map_call_maps(map_call_of((int)probe->function));
}

/* A call that is seen to begin must be seen to end, if it does. */
static bool has_counterpart(const struct space *space, const struct probe *probe)
{
	const struct probe *behind = bp_find(space, probe->call + ARCH_SYSCALL_LEN);

	return probe->kind != PROBE_SYSCALL || !is_to_return(probe) ||
	       (behind && behind->kind == PROBE_SYSRET && behind->call == probe->call);
}

/* Where one was taken out there is room again, and what is only watched gives way. */
static bool is_taken(const struct probe *there, const struct probe *by)
{
	return there && there->kind != PROBE_LIFTED &&
	       (!bp_is_watched(there) || bp_is_watched(by) || by->kind == PROBE_PASS);
}

static int read_text(const struct space *space, const struct probe *there, taddr_t addr,
                     uint8_t *byte)
{
	if (!there || there->kind == PROBE_LIFTED)
		return mem_read(space->mem, addr, byte, 1);
	*byte = there->original;
	return 0;
}

static int add(struct space *space, const struct probe *probe)
{
	const struct probe *there = bp_find(space, probe->addr);
	uint8_t byte;
	int error;

	if (is_taken(there, probe) || !has_counterpart(space, probe))
		return -EEXIST;
	if (read_text(space, there, probe->addr, &byte) < 0)
		return -EFAULT;
	if (byte != probe->original)
		return -EILSEQ;
	/* known first, planted second: a hit may come at once */
	if (!know(space, probe))
		return -ENOMEM;
	error = put_trap(space, probe);
	if (error < 0)
		space->probes[*table_find(&space->by_addr, probe->addr) - 1].kind = PROBE_LIFTED;
	return error;
}

int bp_plant(struct space *space, const struct probe *probe)
{
	if (probe->kind != PROBE_SIGRETURN)
		return add(space, probe);
	space->sigreturn = *probe;
	return 0;
}

void bp_plant_sigreturn(struct space *space)
{
	if (space->sigreturn.addr)
		add(space, &space->sigreturn);
}

const struct probe *bp_find(const struct space *space, taddr_t addr)
{
	const uint64_t *index = table_find(&space->by_addr, addr);

	return index ? &space->probes[*index - 1] : NULL;
}

static void forget(struct space *space, size_t i)
{
	struct probe *probe = &space->probes[i];

	table_remove(&space->by_addr, probe->addr);
	*probe = space->probes[--space->count];
	if (i < space->count)
		*table_find(&space->by_addr, probe->addr) = i + 1;
}

void bp_forget(struct space *space, taddr_t begin, taddr_t end)
{
	text_forget(&space->text, begin, end);
	table_deinit(&space->returns);
	for (size_t i = space->count; i-- > 0;)
		if (space->probes[i].addr >= begin && space->probes[i].addr < end)
			forget(space, i);
}

/* In a copy of the memory also one that was taken out of the original since. */
static bool stands_in(const struct probe *probe, int mem)
{
	uint8_t byte;

	return probe->kind != PROBE_PASS && mem_read(mem, probe->addr, &byte, 1) == 0 &&
	       byte == ARCH_TRAP;
}

static bool lift(pid_t pid, const struct probe *probe, int mem)
{
	if (!stands_in(probe, mem))
		return true; /* unmapped or overwritten meanwhile: nothing of ours there */
	return write_text(pid, mem, probe->addr, probe->original) == 0;
}

/* It stays known: a thread may stand in it. */
static void take_out(struct space *space, taddr_t addr)
{
	const uint64_t *index = table_find(&space->by_addr, addr);
	struct probe *probe = index ? &space->probes[*index - 1] : NULL;

	if (probe && lift(space->pid, probe, space->mem))
		probe->kind = PROBE_LIFTED;
}

void bp_unrelated(struct space *space, const struct probe *probe, unsigned most)
{
	uint64_t *hits = probe->function == NO_FUNCTION ? table_put(&space->unrelated, probe->call)
	                                                : NULL;

	if (!hits || ++*hits < most)
		return;
	emit_refused(space, probe->call, EBUSY);
	take_out(space, probe->call + ARCH_SYSCALL_LEN);
	take_out(space, probe->addr);
}

void bp_related(struct space *space, const struct probe *probe)
{
	table_remove(&space->unrelated, probe->call);
}

bool bp_awaits(const struct space *space, const struct probe *probe)
{
	return (probe->kind == PROBE_POINT && probe->flags & PROBE_AWAIT) ||
	       (space->holds && bp_is_watched(probe));
}

static bool is_of(const struct probe *probe, const struct command_lift *command)
{
	bool is_functions = probe->kind == PROBE_ENTRY || probe->kind == PROBE_EXIT ||
	                    probe->kind == PROBE_INTERNAL || bp_is_watched(probe);

	return is_functions && probe->function >= command->begin &&
	       probe->function < command->end &&
	       (command->shared || probe->kind != PROBE_EXIT || !(probe->flags & PROBE_SHARED));
}

void bp_lift(struct space *space, const struct command_lift *command)
{
	for (size_t i = 0; i < space->count; i++)
		if (is_of(&space->probes[i], command))
			take_out(space, space->probes[i].addr);
}

void bp_off(struct space *space)
{
	space->off = true;
	for (size_t i = 0; i < space->count; i++)
		if (is_of_call(&space->probes[i]))
			lift(space->pid, &space->probes[i], space->mem);
}

/* The program may have changed its code meanwhile. */
static int put_back(struct space *space, struct probe *probe)
{
	uint8_t byte;

	if (mem_read(space->mem, probe->addr, &byte, 1) < 0)
		return -EFAULT;
	return byte == probe->original ? put_trap(space, probe) : -EILSEQ;
}

void bp_on(struct space *space)
{
	space->off = false;
	for (size_t i = 0; i < space->count; i++) {
		struct probe *probe = &space->probes[i];
		int error = is_of_call(probe) ? put_back(space, probe) : 0;

		if (error == 0)
			continue;
		probe->kind = PROBE_LIFTED;
		emit_refused(space, probe->addr, -error);
	}
}

bool bp_copy(struct space *space, const struct space *from)
{
	space->off = from->off;
	space->sigreturn = from->sigreturn;
	if (!text_copy(&space->text, &from->text))
		return false;
	for (size_t i = 0; i < from->count; i++) {
		const struct probe *probe = &from->probes[i];

		if (!is_trap(probe) || stands_in(probe, space->mem)) {
			if (!know(space, probe))
				return false;
			if (bp_is_out(space, probe))
				lift(space->pid, probe, space->mem);
		} else if (add(space, probe) == -ENOMEM) { /* planted since; or not mapped */
			return false;
		}
	}
	return true;
}

size_t bp_count_in(const struct space *space, int mem)
{
	size_t count = 0;

	for (size_t i = 0; i < space->count; i++)
		count += stands_in(&space->probes[i], mem);
	return count;
}

size_t bp_lift_all(const struct space *space, pid_t pid, int mem)
{
	size_t left = 0;

	for (size_t i = 0; i < space->count; i++)
		left += !lift(pid, &space->probes[i], mem);
	return left;
}
