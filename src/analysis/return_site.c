#include "return_site.h"

#include <stdlib.h>
#include <string.h>

#include "job.h"
#include "outbox.h"
#include "trust.h"

#define FURTHER_MAX 8 /* instructions behind the return that may be in front of the trap */

/* What the caller's frame is known by, and the result, are as they were at the return. */
static bool is_passed(const struct decoded *insn)
{
	return insn->flow == FLOW_NEXT && !insn->enters_kernel &&
	       !(insn->writes & (ARCH_CALLEE_SAVED | 1u << ARCH_RESULT)) &&
	       (!insn->moves_sp || insn->sp_known);
}

/* NULL: planned, at the first instruction that can be trapped. */
static const char *plan_in(struct job *job, const struct record_returns *record, uint32_t flags)
{
	taddr_t vaddr = module_file_address(job->module, record->addr);
	int32_t slot_delta = -(int32_t)sizeof(taddr_t);
	const char *why = NULL;
	struct decoded insn;
	struct probe probe;

	for (int i = 0; i < FURTHER_MAX; i++) {
		if (job_decode(job, vaddr, &insn) < 0)
			return "it does not decode";
		if (!insn.refuse && vaddr + job->module->bias != job->module->push)
			break;
		why = insn.refuse ? insn.refuse : "an instruction there is lent";
		if (!is_passed(&insn))
			return why;
		slot_delta -= insn.sp_delta;
		vaddr += insn.len;
	}
	if (insn.refuse)
		return why;
	probe = job_probe(job, vaddr, &insn, PROBE_EXIT, record->function);
	probe.slot_delta = slot_delta;
	probe.flags = flags;
	probe.push = job->module->push;
	return job_add(job->plan, &probe) ? NULL : "no memory";
}

void return_site_plan(struct heap *heap, const struct record_returns *record)
{
	struct plan plan = { 0 };
	struct job job = { .decoder = resolver_decoder(heap->resolver), .plan = &plan,
		           .module = module_at(&heap->modules, record->addr) };
	bool beside = record->function < heap->functions.count &&
	              catalog[heap->functions.list[record->function].entry].beside;
	const char *why = job.module ? plan_in(&job, record, beside ? PROBE_BESIDE : 0) : NULL;

	if (record->function < heap->functions.count &&
	    trust_is_refuted(&heap->functions.list[record->function]))
		plan.count = 0; /* asked for before its traps were taken out */
	else if (!job.module) /* of code made at run time there may be any number */
		heap_note(heap, "what returns to code that is in no file is not seen");
	else if (why)
		heap_note(heap, "what returns to 0x%llx in %s is not seen: %s",
		          (unsigned long long)record->addr, job.module->path, why);
	command_plant(heap, &plan);
	command_add(heap, CMD_GO, record->record.tid, sizeof(struct record));
}
