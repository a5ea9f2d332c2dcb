/* Where the traps of a function go.
 *
 * The entry's trap may stand on any instruction of the first straight stretch
 * that nothing jumps into and before which no argument register is changed: the
 * one whose emulation is cheapest is taken, for it is done at every call. Every
 * way out needs a trap of its own: each ret, and each jump to a function whose
 * result is known (memset gives back its argument). A jump to another allocator
 * function needs none, for that one's exits see the same return address. Where a way
 * out leads nobody knows where, the trap goes to where the call returns to, see
 * return_site.h.
 *
 * A wrapper that calls an allocator function is recognised in the stack; what the
 * stack does not tell, a trap at its entry does. */
#include "trap.h"

#include <stdlib.h>
#include <string.h>

#include "fn_find.h"
#include "late.h"
#include "own.h"
#include "shed.h"

#define ENTRY_CANDIDATES 8
#define WAY_MAX 16

/* How much going on from it costs: the registers that are written, flags included, and
 * memory. A branch writes the pc alone. */
static unsigned cost(const struct decoded *insn, bool sheds)
{
	return sheds ? 0 :
	               1 + 4 * insn->touches_memory + 2 * (insn->writes != 0) + insn->moves_sp +
	                       (insn->flow == FLOW_NEXT);
}

static uint32_t args_of(const struct probe *probe)
{
	uint32_t registers = 0;

	for (unsigned i = 0; i < RECORD_ARGS; i++)
		registers |= 1u << arch_arg_register(probe->args[i]);
	return registers;
}

/* False: no place; *why says so. With PROBE_SEEN its calls are pending: a loop that leads back to
 * where it begins is told from another call. */
bool trap_place_entry(struct job *job, const struct cfg *cfg, taddr_t entry,
                      struct probe *probe, const char **why)
{
	struct decoded insn;
	taddr_t at = entry;
	int32_t slot_delta = 0;
	unsigned best = UINT32_MAX;
	uint32_t args = args_of(probe);
	bool again = probe->flags & PROBE_SEEN && table_find(&cfg->targets, entry);

	*why = "a jump leads back to its first instruction";
	for (int i = 0; i < ENTRY_CANDIDATES && (!table_find(&cfg->targets, at) || (again && !i));
	     i++) {
		if (job_decode(job, at, &insn) < 0)
			break;
		if (insn.refuse) {
			if (best == UINT32_MAX)
				*why = insn.refuse;
		} else if (insn.flow != FLOW_CALL && at + job->module->bias != job->module->push) {
			struct probe here = job_probe(job, at, &insn, PROBE_ENTRY, probe->function);
			unsigned price = cost(&insn, shed_make(job, at, &insn, &here));

			memcpy(here.args, probe->args, sizeof(here.args));
			here.flags |= again ? PROBE_SEEN : 0;
			here.chain = probe->chain;
			here.slot_delta = slot_delta;
			*probe = price < best ? here : *probe;
			best = price < best ? price : best;
		}
		if (insn.flow != FLOW_NEXT || (insn.writes & args) ||
		    (insn.moves_sp && !insn.sp_known))
			break;
		slot_delta -= insn.sp_delta;
		at += insn.len;
	}
	return best != UINT32_MAX;
}

static int tail_entry(struct job *job, const struct cfg_exit *out)
{
	const struct found *found = out->target ? job_found_at(job, out->target) : NULL;

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

/* With another function, or with a trap that stands there anyway. */
static bool is_shared(struct plan *plan, taddr_t addr, uint32_t function)
{
	for (size_t i = 0; i < plan->count; i++)
		if (plan->probes[i].addr == addr) {
			if (plan->probes[i].function != function)
				plan->probes[i].flags |= PROBE_SHARED;
			return true;
		}
	return false;
}

static void plan_exit(struct job *job, const struct catalog_entry *entry,
                      const struct cfg_exit *out, uint32_t function)
{
	bool gives_argument = out->name && catalog_returns_argument(out->name);
	struct decoded insn;
	struct probe probe;

	if (out->kind == CFG_UNKNOWN) /* as an interposed malloc jumps to the real one */
		return;
	if (out->kind == CFG_TAIL && tail_entry(job, out) >= 0)
		return;
	if (job_decode(job, out->vaddr, &insn) < 0)
		return;
	if (is_shared(job->plan, out->vaddr + job->module->bias, function))
		return;
	probe = job_probe(job, out->vaddr, &insn, PROBE_EXIT, function);
	if (gives_argument)
		probe.result = ARCH_ARG0;
	probe.flags = entry->beside ? PROBE_BESIDE : 0;
	job_add(job->plan, &probe);
}

/* Not in a free, and not where a jump leads to another allocator, which is seen to end. */
static bool is_end_unseen(struct job *job, const struct found *found, const struct cfg_exit *out)
{
	switch (out->kind) {
	case CFG_UNKNOWN: /* as an interposed malloc jumps to the real one */
		return catalog_is_added(found->entry);
	case CFG_TAIL:
		return (tail_entry(job, out) < 0 || catalog[found->entry].beside) &&
		       !(out->name && catalog_returns_argument(out->name));
	default:
		return out->insn.refuse != NULL;
	}
}

static bool are_ends_unseen(struct job *job, const struct found *found, const struct cfg *cfg)
{
	bool unseen = false;

	for (size_t i = 0; i < cfg->exit_count; i++)
		unseen |= is_end_unseen(job, found, &cfg->exits[i]);
	return unseen && catalog_hands_out(&catalog[found->entry]);
}

static uint16_t entry_flags(const struct catalog_entry *entry, bool tail)
{
	return (entry->beside ? PROBE_BESIDE : 0) | (entry->is_chain ? PROBE_CHAIN : 0) |
	       (entry->role != CATALOG_ALLOC ? PROBE_REPORT : 0) |
	       (catalog_hands_out(entry) ? PROBE_AWAIT : 0) | (tail ? PROBE_TAIL : 0) |
	       (entry->role == CATALOG_REF ? PROBE_REF : 0) |
	       (entry->out_param ? PROBE_OUT_PARAM : 0) |
	       (entry->is_string ? PROBE_STRING : 0) |
	       (entry->is_string && entry->count != CATALOG_NONE ? PROBE_STRING_PART : 0);
}

/* glibc's cfree is nobody's any more. */
static bool has_names(const struct found *found)
{
	int old = catalog_find("cfree");

	return found->aliases.count > 1 ||
	       (found->aliases.count && found->aliases.entries[0] != old);
}

static uint32_t flags_of_free(struct job *job, const struct found *found, const struct cfg *cfg,
                              uint32_t function)
{
	bool names = has_names(found), caller = names || job->plan->callers;

	if (catalog[found->entry].role != CATALOG_FREE)
		return 0;
	if (function != NO_FUNCTION) {
		job->functions->list[function].tells_caller = names;
		job->functions->list[function].has_caller = caller;
	}
	return (own_leads_out(job, cfg) ? PROBE_LEADS_OUT : 0) | (caller ? PROBE_CALLER : 0);
}

uint16_t trap_usable(struct job *job, const struct found *found, uint32_t function)
{
	const struct catalog_entry *entry = &catalog[found->entry];

	if (!job->plan->usable || !job->module->is_glibc || entry->beside || entry->is_chain ||
	    entry->role > CATALOG_FREE || catalog_is_added(found->entry))
		return 0;
	if (function != NO_FUNCTION)
		job->functions->list[function].has_usable = true;
	return PROBE_USABLE;
}

/* Instructions the tracer may emulate on the way from a wrapper's trap to the
 * allocator, so that it needs no second stop there. Only a saving: any may lack. */
static taddr_t plan_pass(struct job *job, taddr_t vaddr, struct decoded *insn)
{
	taddr_t addr = vaddr + job->module->bias;
	struct probe probe;

	if (job_decode(job, vaddr, insn) < 0 || insn->refuse)
		return 0;
	if (!job_is_planned(job->plan, addr, addr + 1)) {
		probe = job_probe(job, vaddr, insn, PROBE_PASS, NO_FUNCTION);
		job_add(job->plan, &probe);
	}
	return vaddr + insn->len;
}

/* From vaddr to a jump or call, through the PLT where it leads there; or up to end. */
static void plan_way(struct job *job, taddr_t vaddr, taddr_t end)
{
	struct decoded insn;

	for (int i = 0; i < WAY_MAX && vaddr != end && (vaddr = plan_pass(job, vaddr, &insn));
	     i++) {
		if (insn.flow == FLOW_RET || (insn.flow == FLOW_JUMP && !insn.target))
			return;
		if (insn.flow == FLOW_JUMP || insn.flow == FLOW_CALL)
			vaddr = insn.target - job->module->bias; /* a PLT stub */
	}
}

static struct probe probe_of(const struct catalog_entry *entry, uint32_t function)
{
	struct probe probe = { .function = function, .chain = entry->chain };

	memcpy(probe.args, entry->args, sizeof(probe.args));
	return probe;
}

const char *trap_allocator(struct job *job, const struct found *found, const struct cfg *cfg,
                           uint32_t function)
{
	const struct catalog_entry *entry = &catalog[found->entry];
	struct probe probe = probe_of(entry, function);
	const char *two_stops = late_plan(job, found, cfg, function), *why;
	bool returns = two_stops && are_ends_unseen(job, found, cfg);

	if (two_stops) {
		probe.flags = catalog_hands_out(entry) ? PROBE_SEEN : 0;
		if (!trap_place_entry(job, cfg, found->vaddr, &probe, &why)) {
			fn_not_traced(job, found, why);
			return NULL;
		}
		probe.flags |= entry_flags(entry, returns || has_tail(job, cfg)) |
		               (returns ? PROBE_RETURNS : 0) |
		               flags_of_free(job, found, cfg, function) |
		               trap_usable(job, found, function);
		if (job->plan->free_stacks && probe.flags & PROBE_REPORT)
			probe.flags |= PROBE_STACK;
		job_add(job->plan, &probe);
		plan_way(job, found->vaddr, module_file_address(job->module, probe.addr));
	}
	for (size_t i = 0; i < cfg->exit_count && catalog_hands_out(entry) && !returns; i++)
		plan_exit(job, entry, &cfg->exits[i], function);
	return catalog_hands_out(entry) ? two_stops : NULL;
}

/* A wrapper is recognised in the stack. What the stack does not tell, a trap does: the size
 * before it is rounded up for an alignment, and, where that is worth a stop, that a wrapper
 * jumped on and left no frame, and that nothing was asked for, which operator new makes 1. */
void trap_name(struct job *job, const struct found *found, const struct cfg *cfg,
               uint32_t function)
{
	const struct catalog_entry *entry = &catalog[found->entry];
	struct probe probe = probe_of(entry, function);
	const char *why;

	if (entry->role != CATALOG_NAME_ROUNDS &&
	    !(job->plan->operators && catalog_is_operator(found->entry)))
		return;
	if (!trap_place_entry(job, cfg, found->vaddr, &probe, &why)) {
		job_note(job, found, "not told from what it calls", why);
		return;
	}
	probe.kind = PROBE_NAME;
	job_add(job->plan, &probe);
	plan_way(job, found->vaddr, 0);
}

void trap_loader(struct job *job, const struct found *found, const struct cfg *cfg,
                 uint32_t function)
{
	const struct catalog_entry *entry = &catalog[found->entry];
	struct probe probe = probe_of(entry, function);
	const char *why;

	if (!trap_place_entry(job, cfg, found->vaddr, &probe, &why)) {
		job_note(job, found, "libraries loaded later are not seen", why);
		return;
	}
	probe.kind = PROBE_LOADER;
	job_add(job->plan, &probe);
}
