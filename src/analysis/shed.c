#include "shed.h"

#define LOOK_MAX 32 /* instructions */

/* Is the flag written before it is used, on all ways from vaddr? */
static bool sign_is_lost(struct job *job, taddr_t vaddr, unsigned *left)
{
	struct decoded insn;

	while (*left) {
		--*left;
		if (job_decode(job, vaddr, &insn) < 0 || arch_sign(&insn) == ARCH_SIGN_USED)
			return false;
		if (arch_sign(&insn) == ARCH_SIGN_LOST)
			return true;
		if (insn.flow == FLOW_BRANCH &&
		    !sign_is_lost(job, insn.target - job->module->bias, left))
			return false;
		vaddr = insn.flow == FLOW_JUMP ? insn.target - job->module->bias :
		                                 vaddr + insn.len;
	}
	return false;
}

bool shed_make(struct job *job, taddr_t vaddr, const struct decoded *insn, struct probe *probe)
{
	uint8_t code[ARCH_INSN_MAX];
	unsigned left = LOOK_MAX;

	if (elf_read(&job->module->elf, vaddr, code, insn->len) < 0)
		return false;
	switch (arch_shed(job->decoder, code, insn)) {
	case ARCH_SHED:
		probe->insn = arch_nop;
		return true;
	case ARCH_SHED_BUT_SIGN:
		if (!sign_is_lost(job, vaddr + insn->len, &left))
			return false;
		probe->flags |= PROBE_SHEDS;
		return true;
	default:
		return false;
	}
}
