/* A thread that stands on a trap in a function's last instructions need not have them done for
 * it: compilers end functions alike, and somewhere in the module the same bytes stand without
 * a trap. Sent there, by one word written, it does them for itself. */
#include "twin.h"

#include <string.h>

#include "unwind.h"

#define INSNS_MAX 8
#define BYTES_MAX (INSNS_MAX * ARCH_INSN_MAX)
#define PATCHED_MAX 16 /* bytes at a function's begin that a patch may replace */

struct tail {
	taddr_t vaddr;
	uint8_t bytes[BYTES_MAX];
	size_t len;
};

/* Does it do the same wherever it stands, twice as well as once? */
static bool is_movable(const struct decoded *insn)
{
	return !insn->refuse && insn->flow == FLOW_NEXT && insn->insn.dst.kind != OPERAND_MEM &&
	       insn->insn.src.kind != OPERAND_MEM &&
	       (!insn->moves_sp || (insn->sp_known && insn->sp_delta > 0));
}

static bool take(struct job *job, taddr_t vaddr, struct tail *tail)
{
	struct decoded insn;

	*tail = (struct tail){ .vaddr = vaddr };
	for (int i = 0; i < INSNS_MAX; i++) {
		if (job_decode(job, vaddr + tail->len, &insn) < 0)
			return false;
		tail->len += insn.len;
		if (insn.flow == FLOW_RET)
			return elf_read(&job->module->elf, vaddr, tail->bytes, tail->len) == 0;
		if (!is_movable(&insn))
			return false;
	}
	return false;
}

static bool is_far_in(struct job *job, taddr_t vaddr)
{
	struct cfg_bounds in;

	return job_bounds(job, vaddr, &in) && vaddr - in.begin >= PATCHED_MAX;
}

static bool is_twin(struct job *job, const struct tail *tail, taddr_t vaddr)
{
	taddr_t addr = vaddr + job->module->bias;
	struct decoded insn;

	if (vaddr == tail->vaddr || !is_far_in(job, vaddr) ||
	    job_is_planned(job->plan, addr, addr + tail->len) || !job_is_insn(job, vaddr))
		return false;
	for (size_t at = 0; at < tail->len; at += insn.len)
		if (job_decode(job, vaddr + at, &insn) < 0 ||
		    !unwind_is_same(job->module, tail->vaddr + at, vaddr + at))
			return false;
	return true;
}

static taddr_t find_in(struct job *job, const struct tail *tail, const struct elf_segment *segment)
{
	uint8_t chunk[4096 + BYTES_MAX];
	taddr_t at = segment->vaddr;
	size_t got;

	for (; (got = elf_read_some(&job->module->elf, at, chunk, sizeof(chunk))) >= tail->len;
	     at += got - tail->len + 1) {
		const uint8_t *hit, *from = chunk, *end = chunk + got;

		for (; (hit = memmem(from, end - from, tail->bytes, tail->len)); from = hit + 1)
			if (is_twin(job, tail, at + (hit - chunk)))
				return at + (hit - chunk) + job->module->bias;
	}
	return 0;
}

struct twin twin_find(struct job *job, taddr_t vaddr)
{
	const struct elf *elf = &job->module->elf;
	struct twin twin = { 0 };
	struct tail tail;

	if (!take(job, vaddr, &tail))
		return twin;
	twin.len = tail.len;
	twin.sum = plan_sum(tail.bytes, tail.len);
	for (unsigned i = 0; i < elf->segment_count && !twin.addr; i++)
		if (elf->segments[i].executable)
			twin.addr = find_in(job, &tail, &elf->segments[i]);
	return twin;
}
