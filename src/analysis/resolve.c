/* Where the traps of a function go.
 *
 * The entry's trap may stand on any instruction of the first straight stretch
 * that nothing jumps into and before which no argument register is changed: the
 * one whose emulation is cheapest is taken, for it is done at every call. Every
 * way out needs a trap of its own: each ret, and each jump to a function whose
 * result is known (memset gives back its argument). A jump to another allocator
 * function needs none, for that one's exits see the same return address.
 *
 * A wrapper that calls an allocator function is recognised in the stack. One that
 * jumps to it leaves no frame, so the jump is trapped. */
#include "resolve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cfg.h"
#include "unwind.h"

#define ENTRY_CANDIDATES 8
#define WAY_MAX 16
#define ARGS_WRITTEN (1u << ARCH_RDI | 1u << ARCH_RSI | 1u << ARCH_RDX)

struct resolver {
	struct decoder *decoder;
};

struct found { /* a catalogue symbol of the module under work */
	taddr_t vaddr;
	uint64_t size;
	int entry, alias;
};

struct job {
	struct resolver *resolver;
	struct module *module;
	struct functions *functions;
	struct plan *plan;
	struct found *found;
	size_t found_count;
};

struct resolver *resolver_new(void)
{
	struct resolver *resolver = calloc(1, sizeof(*resolver));

	if (resolver && !(resolver->decoder = decoder_new())) {
		free(resolver);
		return NULL;
	}
	return resolver;
}

void resolver_free(struct resolver *resolver)
{
	if (resolver)
		decoder_free(resolver->decoder);
	free(resolver);
}

/* ---- symbols -------------------------------------------------------------- */

static struct found *found_at(struct job *job, taddr_t vaddr)
{
	for (size_t i = 0; i < job->found_count; i++)
		if (job->found[i].vaddr == vaddr)
			return &job->found[i];
	return NULL;
}

static bool same_name(int a, int b)
{
	return strcmp(catalog[a].name, catalog[b].name) == 0;
}

static bool find(void *ctx, const struct elf_symbol *symbol)
{
	struct job *job = ctx;
	int entry = catalog_find(symbol->name);
	struct found *found = entry == CATALOG_NONE ? NULL : found_at(job, symbol->vaddr);

	if (entry == CATALOG_NONE)
		return true;
	if (found) {
		if (!same_name(found->entry, entry) && found->alias == CATALOG_NONE)
			found->alias = entry;
		return true;
	}
	found = realloc(job->found, (job->found_count + 1) * sizeof(*found));
	if (!found)
		return false;
	job->found = found;
	found[job->found_count++] =
		(struct found){ symbol->vaddr, symbol->size, entry, CATALOG_NONE };
	return true;
}

/* ---- the walk's surroundings -------------------------------------------------- */

static bool bounds(void *ctx, taddr_t vaddr, struct cfg_bounds *out)
{
	struct job *job = ctx;

	for (size_t i = 0; i < job->found_count; i++) {
		const struct found *found = &job->found[i];

		if (found->size && vaddr >= found->vaddr && vaddr - found->vaddr < found->size) {
			*out = (struct cfg_bounds){ found->vaddr, found->vaddr + found->size };
			return true;
		}
	}
	return unwind_bounds(job->module, vaddr, &out->begin, &out->end);
}

static bool is_function(void *ctx, taddr_t vaddr)
{
	return found_at(ctx, vaddr) != NULL;
}

/* ---- probes ----------------------------------------------------------------- */

static void note(struct job *job, const struct found *found, const char *what, const char *why)
{
	char sentence[512];

	snprintf(sentence, sizeof(sentence), "%s in %s: %s: %s", catalog[found->entry].name,
	         job->module->path, what, why);
	job->plan->note(job->plan->ctx, sentence);
}

static bool add(struct plan *plan, const struct probe *probe)
{
	struct probe *grown = realloc(plan->probes, (plan->count + 1) * sizeof(*grown));

	if (!grown)
		return false;
	plan->probes = grown;
	grown[plan->count++] = *probe;
	return true;
}

static bool is_planned(const struct plan *plan, taddr_t begin, taddr_t end)
{
	for (size_t i = 0; i < plan->count; i++)
		if (plan->probes[i].addr >= begin && plan->probes[i].addr < end)
			return true;
	return false;
}

static struct probe probe_at(struct job *job, taddr_t vaddr, const struct decoded *insn,
                             enum probe_kind kind, uint32_t function)
{
	struct probe probe = { .addr = vaddr + job->module->bias, .function = function,
		               .kind = kind, .result = ARCH_RESULT, .insn = insn->insn };

	elf_read(&job->module->elf, vaddr, &probe.original, 1);
	return probe;
}

/* How much its emulation costs: the registers it writes, flags included, beyond the
 * pc, and memory. A branch writes the pc alone. */
static unsigned cost(const struct decoded *insn)
{
	return 4 * insn->touches_memory + 2 * (insn->writes != 0) + insn->moves_sp +
	       (insn->flow == FLOW_NEXT);
}

/* False: no place; *why says so. */
static bool place_entry(struct job *job, const struct cfg *cfg, taddr_t entry,
                        struct probe *probe, const char **why)
{
	struct decoded insn;
	uint8_t bytes[ARCH_INSN_MAX];
	taddr_t at = entry;
	int32_t slot_delta = 0;
	unsigned best = UINT32_MAX;

	*why = "a jump leads back to its first instruction";
	for (int i = 0; i < ENTRY_CANDIDATES && !table_find(&cfg->targets, at); i++) {
		size_t len = elf_read_some(&job->module->elf, at, bytes, sizeof(bytes));

		if (decoder_decode(job->resolver->decoder, bytes, len, at + job->module->bias,
		                   &insn) < 0)
			break;
		if (insn.refuse) {
			if (best == UINT32_MAX)
				*why = insn.refuse;
		} else if (insn.flow != FLOW_CALL && cost(&insn) < best) {
			uint32_t function = probe->function;

			best = cost(&insn);
			*probe = probe_at(job, at, &insn, PROBE_ENTRY, function);
			probe->slot_delta = slot_delta;
		}
		if (insn.flow != FLOW_NEXT || (insn.writes & ARGS_WRITTEN) ||
		    (insn.moves_sp && !insn.sp_known))
			break;
		slot_delta -= insn.sp_delta;
		at += insn.len;
	}
	return best != UINT32_MAX;
}

static int tail_entry(struct job *job, const struct cfg_exit *out)
{
	const struct found *found = out->target ? found_at(job, out->target) : NULL;

	if (found)
		return found->entry;
	return out->name ? catalog_find(out->name) : CATALOG_NONE;
}

static bool has_tail(struct job *job, const struct cfg *cfg)
{
	for (size_t i = 0; i < cfg->exit_count; i++)
		if (cfg->exits[i].kind == CFG_UNKNOWN || tail_entry(job, &cfg->exits[i]) >= 0)
			return true;
	return false;
}

/* The instruction as it stands in the target: jumps are relative. */
static bool decode_exit(struct job *job, const struct cfg_exit *out, struct decoded *insn)
{
	uint8_t bytes[ARCH_INSN_MAX];
	size_t len = elf_read_some(&job->module->elf, out->vaddr, bytes, sizeof(bytes));

	return decoder_decode(job->resolver->decoder, bytes, len,
	                      out->vaddr + job->module->bias, insn) == 0;
}

static void plan_exit(struct job *job, const struct found *found, const struct cfg_exit *out,
                      uint32_t function)
{
	bool gives_argument = out->name && catalog_returns_argument(out->name);
	struct decoded insn;
	struct probe probe;

	if (out->kind == CFG_UNKNOWN) /* as an interposed malloc jumps to the real one */
		return;
	if (out->kind == CFG_TAIL && tail_entry(job, out) >= 0)
		return;
	if (out->kind == CFG_TAIL && !gives_argument) {
		note(job, found, "its results are not seen where it jumps to another function",
		     out->name ? out->name : "nameless");
		return;
	}
	if (!decode_exit(job, out, &insn) || insn.refuse) {
		note(job, found, "an end of it cannot be trapped", insn.refuse);
		return;
	}
	if (is_planned(job->plan, out->vaddr + job->module->bias,
	               out->vaddr + job->module->bias + 1))
		return; /* shared with another function */
	probe = probe_at(job, out->vaddr, &insn, PROBE_EXIT, function);
	if (gives_argument)
		probe.result = ARCH_ARG0;
	add(job->plan, &probe);
}

static uint8_t entry_flags(const struct catalog_entry *entry, bool tail)
{
	return (entry->role != CATALOG_ALLOC ? PROBE_REPORT : 0) |
	       (entry->role != CATALOG_FREE ? PROBE_AWAIT : 0) | (tail ? PROBE_TAIL : 0) |
	       (entry->out_param ? PROBE_OUT_PARAM : 0);
}

static void plan_allocator(struct job *job, const struct found *found, const struct cfg *cfg,
                           uint32_t function)
{
	const struct catalog_entry *entry = &catalog[found->entry];
	struct probe probe = { .function = function };
	const char *why;

	if (!place_entry(job, cfg, found->vaddr, &probe, &why)) {
		note(job, found, "not traced", why);
		return;
	}
	probe.flags = entry_flags(entry, has_tail(job, cfg));
	add(job->plan, &probe);
	for (size_t i = 0; i < cfg->exit_count && entry->role != CATALOG_FREE; i++)
		plan_exit(job, found, &cfg->exits[i], function);
}

/* Instructions the tracer may emulate on the way from a wrapper's trap to the
 * allocator, so that it needs no second stop there. Only a saving: any may lack. */
static taddr_t plan_pass(struct job *job, taddr_t vaddr, struct decoded *insn)
{
	uint8_t bytes[ARCH_INSN_MAX];
	size_t len = elf_read_some(&job->module->elf, vaddr, bytes, sizeof(bytes));
	taddr_t addr = vaddr + job->module->bias;
	struct probe probe;

	if (decoder_decode(job->resolver->decoder, bytes, len, addr, insn) < 0 || insn->refuse)
		return 0;
	if (!is_planned(job->plan, addr, addr + 1)) {
		probe = probe_at(job, vaddr, insn, PROBE_PASS, NO_FUNCTION);
		add(job->plan, &probe);
	}
	return vaddr + insn->len;
}

static void plan_way(struct job *job, taddr_t vaddr)
{
	struct decoded insn;

	for (int i = 0; i < WAY_MAX && (vaddr = plan_pass(job, vaddr, &insn)); i++) {
		if (insn.flow == FLOW_RET || (insn.flow == FLOW_JUMP && !insn.target))
			return;
		if (insn.flow == FLOW_JUMP || insn.flow == FLOW_CALL)
			vaddr = insn.target - job->module->bias; /* a PLT stub */
	}
}

/* A wrapper is recognised in the stack; it is trapped for what the stack does not
 * tell: that it jumped on and left no frame, and the size it was asked for, which
 * operator new rounds up for an alignment, and from 0 to 1. */
static void plan_name(struct job *job, const struct found *found, const struct cfg *cfg,
                      uint32_t function)
{
	const struct catalog_entry *entry = &catalog[found->entry];
	struct probe probe = { .function = function };
	const char *why;

	if (entry->role == CATALOG_NAME_ALLOC && entry->size == CATALOG_NONE)
		return;
	if (!place_entry(job, cfg, found->vaddr, &probe, &why)) {
		note(job, found, "not told from what it calls", why);
		return;
	}
	probe.kind = PROBE_NAME;
	add(job->plan, &probe);
	plan_way(job, found->vaddr);
}

static void plan_loader(struct job *job, const struct found *found, const struct cfg *cfg,
                        uint32_t function)
{
	struct probe probe = { .function = function };
	const char *why;

	if (!place_entry(job, cfg, found->vaddr, &probe, &why)) {
		note(job, found, "libraries loaded later are not seen", why);
		return;
	}
	probe.kind = PROBE_LOADER;
	add(job->plan, &probe);
}

/* ---- the allocator's own calls ------------------------------------------------ */

/* Is the byte at vaddr the first of an instruction? Decodes its function from the
 * beginning. */
static bool is_insn(struct job *job, taddr_t vaddr)
{
	struct cfg_bounds in;
	struct decoded insn;
	uint8_t bytes[ARCH_INSN_MAX];

	if (!bounds(job, vaddr, &in))
		return false;
	for (taddr_t at = in.begin; at < vaddr; at += insn.len) {
		size_t len = elf_read_some(&job->module->elf, at, bytes, sizeof(bytes));

		if (decoder_decode(job->resolver->decoder, bytes, len, at, &insn) < 0)
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

	if (!is_insn(job, call) || is_planned(job->plan, addr, addr + 1) ||
	    decoder_decode(job->resolver->decoder, bytes, len, addr, &insn) < 0 || insn.refuse)
		return;
	probe = probe_at(job, call, &insn, PROBE_INTERNAL, function);
	probe.slot_delta = -(int32_t)sizeof(taddr_t);
	add(job->plan, &probe);
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
static void plan_internals(struct job *job, const struct found *found, uint32_t function)
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
static void plan_sigreturn(struct job *job)
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

			if (!hit || decoder_decode(job->resolver->decoder, hit, ARCH_SIGRETURN_LEN,
			                           vaddr + job->module->bias, &insn) < 0)
				continue;
			probe = probe_at(job, vaddr, &insn, PROBE_SIGRETURN, NO_FUNCTION);
			probe.slot_delta = -(int32_t)sizeof(taddr_t);
			add(job->plan, &probe);
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

				if (chunk[b] == ARCH_PUSH && !is_planned(job->plan, push, push + 1))
					return push;
			}
	}
	return 0;
}

static void give_push(struct job *job)
{
	taddr_t push = job->plan->count ? find_push(job) : 0;

	for (size_t i = 0; i < job->plan->count; i++)
		job->plan->probes[i].push = push;
}

/* ---- a module -------------------------------------------------------------------- */

static void add_range(struct module *module, const struct found *found)
{
	struct named_range *grown =
		realloc(module->named, (module->named_count + 1) * sizeof(*grown));

	if (!grown)
		return;
	module->named = grown;
	grown[module->named_count++] = (struct named_range){
		found->vaddr + module->bias, found->vaddr + module->bias + found->size, found->entry
	};
}

static uint32_t add_function(struct job *job, const struct found *found)
{
	struct functions *functions = job->functions;
	struct function *grown =
		realloc(functions->list, (functions->count + 1) * sizeof(*grown));

	if (!grown)
		return NO_FUNCTION;
	functions->list = grown;
	grown[functions->count] = (struct function){
		job->module, found->vaddr + job->module->bias, found->entry, found->alias
	};
	return functions->count++;
}

static void resolve_function(struct job *job, const struct found *found)
{
	const struct cfg_source source = { &job->module->elf, job->resolver->decoder, bounds,
		                           is_function, job };
	uint32_t function = add_function(job, found);
	struct cfg cfg;
	const char *why;

	if (cfg_walk(&cfg, &source, found->vaddr, &why) < 0)
		note(job, found, "not traced", why);
	else if (catalog[found->entry].role == CATALOG_LOADER)
		plan_loader(job, found, &cfg, function);
	else if (catalog_is_name(found->entry))
		plan_name(job, found, &cfg, function);
	else
		plan_allocator(job, found, &cfg, function);
	if (catalog[found->entry].role == CATALOG_FREE) {
		plan_internals(job, found, function);
		plan_sigreturn(job);
	}
	if (catalog_is_name(found->entry))
		add_range(job->module, found);
	cfg_deinit(&cfg);
}

/* The loader's own malloc serves it alone, before libc is there; musl's loader is
 * its libc and has the whole family. */
static bool is_bare_loader(const struct job *job)
{
	for (size_t i = 0; i < job->found_count; i++)
		if (strcmp(catalog[job->found[i].entry].symbol, "posix_memalign") == 0)
			return false;
	return job->module->is_loader;
}

void resolve_module(struct resolver *resolver, struct module *module,
                    struct functions *functions, struct plan *plan)
{
	struct job job = { .resolver = resolver, .module = module, .functions = functions,
		           .plan = plan };
	bool bare;

	elf_each_function(&module->elf, find, &job);
	bare = is_bare_loader(&job);
	for (size_t i = 0; i < job.found_count; i++)
		if (!bare || catalog[job.found[i].entry].role == CATALOG_LOADER)
			resolve_function(&job, &job.found[i]);
	give_push(&job);
	free(job.found);
}

/* ---- which name was called ------------------------------------------------------- */

int resolve_called_name(struct resolver *resolver, struct module *caller, taddr_t return_pc)
{
	const struct { uint8_t len, first; } forms[] = { { 5, 0xe8 }, { 6, 0xff } };
	taddr_t vaddr = module_file_address(caller, return_pc);

	for (unsigned i = 0; i < countof(forms); i++) {
		uint8_t bytes[16];
		struct decoded insn;
		taddr_t call = vaddr - forms[i].len, slot;
		const char *name;

		if (elf_read(&caller->elf, call, bytes, forms[i].len) < 0 ||
		    bytes[0] != forms[i].first ||
		    decoder_decode(resolver->decoder, bytes, forms[i].len, call, &insn) < 0 ||
		    insn.flow != FLOW_CALL || insn.len != forms[i].len)
			continue;
		slot = insn.slot;
		for (taddr_t stub = insn.target; stub && !slot; stub += insn.len) {
			size_t len = elf_read_some(&caller->elf, stub, bytes, sizeof(bytes));

			if (decoder_decode(resolver->decoder, bytes, len, stub, &insn) < 0 ||
			    (insn.flow != FLOW_JUMP && insn.flow != FLOW_NEXT))
				break;
			slot = insn.slot;
			if (insn.flow == FLOW_JUMP)
				break;
		}
		name = slot ? elf_slot_name(&caller->elf, slot) : NULL;
		if (name)
			return catalog_find(name);
	}
	return CATALOG_NONE;
}
