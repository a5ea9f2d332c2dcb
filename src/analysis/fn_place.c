#include "fn_place.h"

#include "call_targets.h"
#include "unwind.h"

struct begins {
	taddr_t vaddr;
	bool yes, within; /* in the midst of one */
};

static bool is_begin(void *ctx, const struct elf_symbol *symbol)
{
	struct begins *begins = ctx;

	begins->yes |= symbol->vaddr == begins->vaddr;
	begins->within |= begins->vaddr - symbol->vaddr < symbol->size;
	return !begins->yes;
}

static bool is_other(void *ctx, taddr_t call, taddr_t target)
{
	(void)call;
	return target != *(const taddr_t *)ctx;
}

static bool is_called(struct job *job, taddr_t vaddr)
{
	return !call_targets(&job->module->elf, is_other, &vaddr);
}

/* Where the unwind table has a row it knows. */
static bool has_row(struct job *job, taddr_t vaddr)
{
	taddr_t begin, end;

	return unwind_bounds(job->module, vaddr, &begin, &end);
}

const char *fn_place_why_not(struct job *job, taddr_t vaddr)
{
	const char *why = job_why_no_function(job, vaddr);
	struct begins begins = { .vaddr = vaddr };
	struct decoded insn;

	if (why)
		return why;
	if (job_decode(job, vaddr, &insn) < 0)
		return "there is no code";
	job_each_function(job, is_begin, &begins);
	if (begins.yes || has_row(job, vaddr))
		return NULL;
	if (begins.within)
		return "a function is there already, which begins before";
	return is_called(job, vaddr) ? NULL : "nothing tells that a function begins there";
}
