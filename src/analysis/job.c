#include "job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "debug_symbols.h"
#include "unwind.h"

void job_each_function(struct job *job, bool (*each)(void *, const struct elf_symbol *), void *ctx)
{
	elf_each_function(&job->module->elf, each, ctx);
	if (job->debug_symbols)
		debug_symbols_each(job->module, each, ctx);
}

struct found *job_found_at(struct job *job, taddr_t vaddr)
{
	for (size_t i = 0; i < job->found_count; i++)
		if (job->found[i].vaddr == vaddr)
			return &job->found[i];
	return NULL;
}

bool job_bounds(void *ctx, taddr_t vaddr, struct cfg_bounds *out)
{
	struct job *job = ctx;

	if (unwind_bounds(job->module, vaddr, &out->begin, &out->end))
		return true;
	for (size_t i = 0; i < job->found_count; i++) {
		const struct found *found = &job->found[i];

		if (found->size && vaddr >= found->vaddr && vaddr - found->vaddr < found->size) {
			*out = (struct cfg_bounds){ found->vaddr, found->vaddr + found->size };
			return true;
		}
	}
	return false;
}

bool job_is_function(void *ctx, taddr_t vaddr)
{
	return job_found_at(ctx, vaddr) != NULL;
}

struct own {
	const char *name;
	taddr_t vaddr;
};

static bool is_own(void *ctx, const struct elf_symbol *symbol)
{
	struct own *own = ctx;

	if (!symbol->chooses && strcmp(symbol->name, own->name) == 0)
		own->vaddr = symbol->vaddr;
	return !own->vaddr;
}

/* A slot of the catalogue's names is there for another module to fill. */
taddr_t job_own(void *ctx, const char *name)
{
	struct job *job = ctx;
	struct own own = { .name = name };

	if (catalog_find(name) == CATALOG_NONE && !catalog_returns_argument(name))
		job_each_function(job, is_own, &own);
	return own.vaddr;
}

void job_tell(struct job *job, const char *sentence)
{
	if (job->plan->note)
		job->plan->note(job->plan->ctx, sentence);
}

void job_note(struct job *job, const struct found *found, const char *what, const char *why)
{
	char sentence[512];

	snprintf(sentence, sizeof(sentence), "%s in %s: %s: %s", catalog[found->entry].name,
	         job->module->path, what, why);
	job_tell(job, sentence);
}

bool job_add_found(struct job *job, const struct found *found)
{
	struct found *grown = realloc(job->found, (job->found_count + 1) * sizeof(*grown));

	if (!grown)
		return false;
	job->found = grown;
	grown[job->found_count++] = *found;
	return true;
}

bool job_add(struct plan *plan, const struct probe *probe)
{
	struct probe *grown = realloc(plan->probes, (plan->count + 1) * sizeof(*grown));

	if (!grown)
		return false;
	plan->probes = grown;
	grown[plan->count++] = *probe;
	return true;
}

bool job_is_planned(const struct plan *plan, taddr_t begin, taddr_t end)
{
	for (size_t i = 0; i < plan->count; i++)
		if (plan->probes[i].addr >= begin && plan->probes[i].addr < end)
			return true;
	return false;
}

const char *job_why_no_function(struct job *job, taddr_t vaddr)
{
	taddr_t begin, end;

	if (!elf_code_at(&job->module->elf, vaddr))
		return "there is no code";
	if (unwind_bounds(job->module, vaddr, &begin, &end) && begin != vaddr)
		return "a function is there already, which begins before";
	return NULL;
}

bool job_walk(struct job *job, taddr_t vaddr, struct cfg *cfg, const char **why)
{
	const struct cfg_source source = { &job->module->elf, job->decoder, job_bounds,
		                           job_is_function, job, job_own };

	*cfg = (struct cfg){ 0 };
	*why = job_why_no_function(job, vaddr);
	return !*why && cfg_walk(cfg, &source, vaddr, why) == 0;
}

int job_decode(const struct job *job, taddr_t vaddr, struct decoded *out)
{
	uint8_t bytes[ARCH_INSN_MAX];
	size_t len = elf_read_some(&job->module->elf, vaddr, bytes, sizeof(bytes));

	return decoder_decode(job->decoder, bytes, len, vaddr + job->module->bias, out);
}

bool job_is_insn(struct job *job, taddr_t vaddr)
{
	struct cfg_bounds in;
	struct decoded insn;

	if (!job_bounds(job, vaddr, &in))
		return false;
	for (taddr_t at = in.begin; at < vaddr; at += insn.len) {
		if (job_decode(job, at, &insn) < 0)
			return false;
		if (at + insn.len == vaddr)
			return true;
	}
	return in.begin == vaddr;
}

struct probe job_probe(struct job *job, taddr_t vaddr, const struct decoded *insn,
                       enum probe_kind kind, uint32_t function)
{
	struct probe probe = { .addr = vaddr + job->module->bias, .function = function,
		               .kind = kind, .result = ARCH_RESULT, .args = { 0, 1, 2 }, .module = job->module->bias,
		               .insn = insn->insn };

	elf_read(&job->module->elf, vaddr, &probe.original, 1);
	return probe;
}
