#include "map_trap.h"

#include <stdio.h>

#include "map_call.h"
#include "syscalls.h"

static void note(struct job *job, const struct syscall_site *site, const char *why)
{
	char sentence[512];

	if (site->bare && site->number == SYSCALL_ANY)
		return; /* musl's way to calls that wait: what maps has places of its own there */
	snprintf(sentence, sizeof(sentence),
	         "%s+0x%llx: no trap at a system call that maps, every one is looked at: %s",
	         job->module->path, (unsigned long long)site->vaddr, why);
	job_tell(job, sentence);
	job->plan->untrapped = true;
}

static void add(struct job *job, const struct syscall_site *site, taddr_t vaddr,
                const struct decoded *insn, enum probe_kind kind)
{
	struct probe probe = job_probe(job, vaddr, insn, kind, NO_FUNCTION);

	if (site->number != SYSCALL_ANY)
		probe.function = (uint32_t)site->number;
	probe.call = site->vaddr + job->module->bias;
	job_add(job->plan, &probe);
}

/* As behind another one. */
static bool is_planned(const struct job *job, taddr_t vaddr)
{
	taddr_t addr = vaddr + job->module->bias;

	return job_is_planned(job->plan, addr, addr + 1);
}

/* A thread that is put back in front of its call does it again. */
static bool may_be_repeated(const struct decoded *insn)
{
	return !insn->refuse && insn->insn.dst.kind != OPERAND_MEM;
}

/* Its end is not to be seen. Where it cannot be trapped, the last look is missing. */
static bool plan_begin(struct job *job, const struct syscall_site *site)
{
	struct decoded before;

	if (site->before && job_decode(job, site->before, &before) == 0 &&
	    may_be_repeated(&before) && !is_planned(job, site->before))
		add(job, site, site->before, &before, PROBE_SYSCALL);
	return true;
}

/* Behind it first: a call that has begun must be seen to end. */
static bool plan(void *ctx, const struct syscall_site *site)
{
	bool any = site->number == SYSCALL_ANY;
	enum map_call_kind kind = any ? MAP_CALL_MMAP : map_call_of(site->number);
	struct decoded before, after;
	struct job *job = ctx;
	taddr_t behind = site->vaddr + ARCH_SYSCALL_LEN;

	if (!site->decoded || kind == MAP_CALL_NONE || !(job->plan->maps || kind == MAP_CALL_CLONE))
		return true;
	if (!any && !map_call_maps(kind))
		return plan_begin(job, site);
	if (job_decode(job, behind, &after) < 0 || after.refuse)
		note(job, site, "what follows it cannot be trapped");
	else if (!site->before || job_decode(job, site->before, &before) < 0 ||
	         !may_be_repeated(&before) || is_planned(job, site->before) ||
	         is_planned(job, behind))
		note(job, site, "what leads to it cannot be trapped");
	else {
		add(job, site, behind, &after, PROBE_SYSRET);
		add(job, site, site->before, &before, PROBE_SYSCALL);
		job->module->map_calls++;
		job->module->any_calls += any;
	}
	return true;
}

void map_trap_plan(struct job *job)
{
	if (syscalls_find(job->module, job->decoder, plan, job) < 0)
		job_tell(job, "no memory to look for system calls");
}
