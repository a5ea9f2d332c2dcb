#include "library.h"

#include <string.h>

/* ---- the allocator's own calls ------------------------------------------------ */

/* Is the byte at vaddr the first of an instruction? Decodes its function from the
 * beginning. */
static bool is_insn(struct job *job, taddr_t vaddr)
{
	struct cfg_bounds in;
	struct decoded insn;
	uint8_t bytes[ARCH_INSN_MAX];

	if (!job_bounds(job, vaddr, &in))
		return false;
	for (taddr_t at = in.begin; at < vaddr; at += insn.len) {
		size_t len = elf_read_some(&job->module->elf, at, bytes, sizeof(bytes));

		if (decoder_decode(job->decoder, bytes, len, at, &insn) < 0)
			return false;
		if (at + insn.len == vaddr)
			return true;
	}
	return in.begin == vaddr;
}

static void plan_internal(struct job *job, taddr_t call, uint32_t function)
{
	uint8_t bytes[ARCH_INSN_MAX];
	size_t len = elf_read_some(&job->module->elf, call, bytes, sizeof(bytes));
	taddr_t addr = call + job->module->bias;
	struct decoded insn;
	struct probe probe;

	if (!is_insn(job, call) || job_is_planned(job->plan, addr, addr + 1) ||
	    decoder_decode(job->decoder, bytes, len, addr, &insn) < 0 || insn.refuse)
		return;
	probe = job_probe(job, call, &insn, PROBE_INTERNAL, function);
	probe.slot_delta = -(int32_t)sizeof(taddr_t);
	job_add(job->plan, &probe);
}

static void plan_internals_in(struct job *job, const struct elf_segment *segment, taddr_t callee,
                              uint32_t function)
{
	uint8_t chunk[4096 + ARCH_CALL_LEN];
	size_t got;

	for (taddr_t at = segment->vaddr;
	     (got = elf_read_some(&job->module->elf, at, chunk, sizeof(chunk))) >= ARCH_CALL_LEN;
	     at += got - ARCH_CALL_LEN + 1)
		for (size_t i = 0; i + ARCH_CALL_LEN <= got; i++) {
			int32_t distance;

			memcpy(&distance, chunk + i + 1, sizeof(distance));
			if (chunk[i] == ARCH_CALL && at + i + ARCH_CALL_LEN + distance == callee)
				plan_internal(job, at + i, function);
		}
}

/* A library that calls its own free through a slot, so that another's can take its
 * place, means itself where it calls it directly: glibc empties the cache of an
 * ending thread so, freeing what the program has freed already. */
void library_internals(struct job *job, const struct found *found, uint32_t function)
{
	const struct elf *elf = &job->module->elf;

	if (!elf_has_slot(&job->module->elf, catalog[found->entry].symbol))
		return;
	for (unsigned i = 0; i < elf->segment_count; i++)
		if (elf->segments[i].executable)
			plan_internals_in(job, &elf->segments[i], found->vaddr, function);
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

			if (!hit || decoder_decode(job->decoder, hit, ARCH_SIGRETURN_LEN,
			                           vaddr + job->module->bias, &insn) < 0)
				continue;
			probe = job_probe(job, vaddr, &insn, PROBE_SIGRETURN, NO_FUNCTION);
			probe.slot_delta = -(int32_t)sizeof(taddr_t);
			job_add(job->plan, &probe);
			return;
		}
}

/* ---- growing the stack ----------------------------------------------------------- */

/* Any byte that is a push when jumped to will do, be it inside another instruction. */
static taddr_t find_push(struct job *job)
{
	const struct elf *elf = &job->module->elf;
	uint8_t chunk[4096];

	for (unsigned i = 0; i < elf->segment_count; i++) {
		taddr_t at = elf->segments[i].vaddr;
		size_t got;

		if (!elf->segments[i].executable)
			continue;
		for (; (got = elf_read_some(elf, at, chunk, sizeof(chunk))) > 0; at += got)
			for (size_t b = 0; b < got; b++) {
				taddr_t push = at + b + job->module->bias;

				if (chunk[b] == ARCH_PUSH && !job_is_planned(job->plan, push, push + 1))
					return push;
			}
	}
	return 0;
}

void library_push(struct job *job)
{
	taddr_t push = job->plan->count ? find_push(job) : 0;

	for (size_t i = 0; i < job->plan->count; i++)
		job->plan->probes[i].push = push;
}
