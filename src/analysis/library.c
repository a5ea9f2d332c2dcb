#include "library.h"

#include <string.h>

#include "call_targets.h"
#include "twin.h"
#include "unwind.h"

/* ---- the allocator's own calls ------------------------------------------------ */

static void plan_internal(struct job *job, taddr_t call, uint32_t function)
{
	taddr_t addr = call + job->module->bias;
	struct decoded insn;
	struct probe probe;

	if (!job_is_insn(job, call) || job_is_planned(job->plan, addr, addr + 1) ||
	    job_decode(job, call, &insn) < 0 || insn.refuse)
		return;
	probe = job_probe(job, call, &insn, PROBE_INTERNAL, function);
	probe.slot_delta = -(int32_t)sizeof(taddr_t);
	job_add(job->plan, &probe);
}

struct internals {
	struct job *job;
	const struct found *found;
	uint32_t function;
};

static bool plan_if_internal(void *ctx, taddr_t call, taddr_t target)
{
	const struct internals *in = ctx;

	if (target == in->found->vaddr)
		plan_internal(in->job, call, in->function);
	return true;
}

static void plan_internals_in(struct internals *in, taddr_t begin, taddr_t end)
{
	call_targets_in(&in->job->module->elf, begin, end, plan_if_internal, in);
}

/* Linked statically it is told from the program by its name. */
static bool in_cache_emptier(void *ctx, const struct elf_symbol *symbol)
{
	struct internals *in = ctx;

	if (strcmp(symbol->name, "__malloc_arena_thread_freeres") == 0)
		plan_internals_in(in, symbol->vaddr, symbol->vaddr + symbol->size);
	return true;
}

/* Where there are no names. */
static void plan_emptiers(struct internals *in)
{
	const struct address_set *emptiers = &in->job->emptiers;
	taddr_t begin, end;

	for (size_t i = 0; i < emptiers->count; i++)
		if (unwind_bounds(in->job->module, emptiers->list[i], &begin, &end))
			plan_internals_in(in, begin, end);
}

/* A library that calls its own free through a slot, so that another's can take its
 * place, means itself where it calls it directly: glibc empties the cache of an
 * ending thread so, freeing what the program has freed already. */
void library_internals(struct job *job, const struct found *found, uint32_t function)
{
	struct internals in = { job, found, function };

	if (!elf_has_slot(&job->module->elf, catalog[found->entry].symbol)) {
		job_each_function(job, in_cache_emptier, &in);
		plan_emptiers(&in);
		return;
	}
	call_targets(&job->module->elf, plan_if_internal, &in);
}

/* ---- the end of signal handlers ---------------------------------------------------- */

/* The C library has the code that handlers return to. */
void library_sigreturn(struct job *job)
{
	const struct elf *elf = &job->module->elf;
	uint8_t chunk[4096];
	struct decoded insn;
	size_t got;

	for (unsigned i = 0; i < elf->segment_count; i++)
		for (taddr_t at = elf->segments[i].vaddr;
		     elf->segments[i].executable &&
		     (got = elf_read_some(elf, at, chunk, sizeof(chunk))) > ARCH_SIGRETURN_LEN;
		     at += got - ARCH_SIGRETURN_LEN) {
			uint8_t *hit = memmem(chunk, got, ARCH_SIGRETURN, ARCH_SIGRETURN_LEN);
			taddr_t vaddr = at + (hit - chunk);
			struct probe probe;

			if (!hit || job_decode(job, vaddr, &insn) < 0)
				continue;
			probe = job_probe(job, vaddr, &insn, PROBE_SIGRETURN, NO_FUNCTION);
			probe.slot_delta = -(int32_t)sizeof(taddr_t);
			job_add(job->plan, &probe);
			return;
		}
}

/* ---- instructions lent ------------------------------------------------------------- */

/* A push that is no trap: it only ever runs single-stepped, so one inside another instruction
 * will do. A target address, or 0. */
static taddr_t find_push(struct job *job)
{
	const struct elf *elf = &job->module->elf;
	uint8_t chunk[4096];

	for (unsigned i = 0; i < elf->segment_count; i++) {
		taddr_t at = elf->segments[i].vaddr;
		size_t got;

		for (; elf->segments[i].executable &&
		       (got = elf_read_some(elf, at, chunk, sizeof(chunk))) > 0;
		     at += got)
			for (size_t b = 0; b < got; b++) {
				taddr_t addr = at + b + job->module->bias;

				if (chunk[b] == ARCH_PUSH &&
				    !job_is_planned(job->plan, addr, addr + 1))
					return addr;
			}
	}
	return 0;
}

/* What is lent for good may be met by a profiler's signal: it must be real instructions, where
 * the unwind tables say what is true where they are lent to. One ret does for all. */
void library_lend(struct job *job)
{
	taddr_t push = job->module->push;
	struct twin ret = { .len = 0 };

	if (!push || job_is_planned(job->plan, push, push + 1))
		push = job->plan->count ? find_push(job) : 0;
	job->module->push = push;
	for (size_t i = 0; i < job->plan->count; i++) {
		struct probe *probe = &job->plan->probes[i];
		taddr_t vaddr = module_file_address(job->module, probe->addr);

		probe->push = push;
		if (probe->flags & PROBE_LATE) {
			probe->twin = twin_find(job, vaddr);
		} else if (plan_is_ret(probe)) {
			if (!ret.len)
				ret = twin_find(job, vaddr);
			probe->twin = ret;
		}
	}
}
