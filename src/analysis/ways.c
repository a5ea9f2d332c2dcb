/* A move copies the size, a call leaves it in the registers that the callee must preserve,
 * whatever else writes a register loses it there, and where two ways meet only what both agree
 * on is kept. Behind an early trap it does not matter any more. Code that follows a call that
 * never returns is taken to be reached from it, which only makes less known. */
#include "ways.h"

#include <stdlib.h>
#include <string.h>

/* ---- the graph ---------------------------------------------------------------------------- */

static int by_vaddr(const void *a, const void *b)
{
	taddr_t x = ((const struct way_node *)a)->vaddr, y = ((const struct way_node *)b)->vaddr;

	return x < y ? -1 : x > y;
}

bool ways_build(struct ways *ways, struct job *job, const struct cfg *cfg, taddr_t entry)
{
	struct cfg_bounds own = { 0 };
	struct table_slot *slot;

	if (!job_bounds(job, entry, &own) || own.begin != entry)
		own.end = 0;
	*ways = (struct ways){ .job = job, .cfg = cfg };
	ways->nodes = calloc(cfg->seen.used + 1, sizeof(*ways->nodes));
	if (!ways->nodes)
		return false;
	for (size_t at = 0; (slot = table_next(&cfg->seen, &at));) {
		struct way_node *node = &ways->nodes[ways->count];

		node->vaddr = slot->key;
		node->own = node->vaddr >= own.begin && node->vaddr < own.end;
		if (job_decode(job, slot->key, &node->insn) < 0)
			return false;
		ways->count++;
	}
	if (ways->count)
		qsort(ways->nodes, ways->count, sizeof(*ways->nodes), by_vaddr);
	return ways->count;
}

struct way_node *ways_at(const struct ways *ways, taddr_t vaddr)
{
	const struct way_node key = { .vaddr = vaddr };

	return bsearch(&key, ways->nodes, ways->count, sizeof(key), by_vaddr);
}

struct way_node *ways_only_before(const struct ways *ways, struct way_node *node)
{
	struct way_node *before = node > ways->nodes ? node - 1 : NULL;

	if (!before || before->vaddr + before->insn.len != node->vaddr ||
	    before->insn.flow != FLOW_NEXT || table_find(&ways->cfg->targets, node->vaddr))
		return NULL;
	return before;
}

/* ---- what the registers hold -------------------------------------------------------------- */

/* Constants are followed already: what is held is one that no program moves. */
#define ARGUMENT UINT64_C(0x9d5f31c7a2e4860b)

static uint32_t copies_behind(const struct decoded *insn, uint32_t held)
{
	struct arch_values values = { .known = held };
	uint32_t left = 0;

	if (insn->flow == FLOW_CALL)
		return held & ARCH_CALLEE_SAVED;
	for (unsigned reg = 0; reg < ARCH_REGS; reg++)
		values.value[reg] = ARGUMENT;
	arch_follow(insn, &values);
	for (unsigned reg = 0; reg < ARCH_REGS; reg++)
		if (values.known & 1u << reg && values.value[reg] == ARGUMENT)
			left |= 1u << reg;
	return left;
}

static bool makes_product(const struct decoded *insn, const struct carry *state)
{
	uint32_t a = 1u << insn->factors[0], b = 1u << insn->factors[1];

	return insn->multiplies && ((state->factors[0] & a && state->factors[1] & b) ||
	                            (state->factors[0] & b && state->factors[1] & a));
}

static struct carry behind(const struct way_node *node)
{
	struct carry state = node->state;
	const struct decoded *insn = &node->insn;
	bool made = makes_product(insn, &state);

	if (node->early)
		state.top = state.saved = true;
	state.held = copies_behind(insn, state.held) | (made ? 1u << insn->product : 0);
	for (unsigned i = 0; i < countof(state.factors); i++)
		state.factors[i] = copies_behind(insn, state.factors[i]);
	if (insn->moves_sp && insn->flow != FLOW_CALL) {
		state.sp_unknown |= !insn->sp_known;
		state.sp += insn->sp_delta;
	}
	return state;
}

static bool is_same(const struct carry *a, const struct carry *b)
{
	return a->held == b->held && memcmp(a->factors, b->factors, sizeof(a->factors)) == 0 &&
	       a->sp_unknown == b->sp_unknown && a->saved == b->saved &&
	       a->top == b->top && a->reached == b->reached;
}

static bool merge(struct way_node *node, const struct carry *more)
{
	struct carry *state = &node->state, was = *state;

	if (!state->reached) {
		*state = *more;
		return true;
	}
	state->sp_unknown |= more->sp_unknown || state->sp != more->sp;
	state->saved |= more->saved;
	for (unsigned i = 0; i < countof(state->factors); i++)
		state->factors[i] &= more->factors[i];
	if (state->top)
		state->held = more->held;
	else if (!more->top)
		state->held &= more->held;
	state->top &= more->top;
	return !is_same(state, &was);
}

/* ---- all ways through it -------------------------------------------------------------------- */

static bool goes_on(const struct decoded *insn)
{
	return insn->flow == FLOW_NEXT || insn->flow == FLOW_BRANCH || insn->flow == FLOW_CALL;
}

static bool follow(struct ways *ways, struct way_node *node,
                   void (*lost)(struct ways *, struct way_node *))
{
	const struct decoded *insn = &node->insn;
	bool jumps = (insn->flow == FLOW_BRANCH || insn->flow == FLOW_JUMP) && insn->target;
	struct way_node *next = goes_on(insn) ? ways_at(ways, node->vaddr + insn->len) : NULL;
	struct way_node *target = jumps ? ways_at(ways, insn->target - ways->job->module->bias) : NULL;
	struct carry state = behind(node);
	bool changed;

	if (node->state.held && !state.held && !state.top)
		lost(ways, node);
	changed = next && merge(next, &state);
	return (target && merge(target, &state)) || changed;
}

void ways_follow(struct ways *ways, taddr_t entry, bool of_product,
                 void (*lost)(struct ways *, struct way_node *))
{
	const struct carry size = { .held = ways->asked[0], .reached = true };
	const struct carry factors = { .factors = { ways->asked[0], ways->asked[1] },
		                       .reached = true };
	struct way_node *first = ways_at(ways, entry);

	for (size_t i = 0; i < ways->count; i++)
		ways->nodes[i].state = (struct carry){ 0 };
	if (first)
		first->state = of_product ? factors : size;
	for (bool changed = true; changed;) {
		changed = false;
		for (size_t i = 0; i < ways->count; i++)
			changed |= ways->nodes[i].state.reached && follow(ways, &ways->nodes[i], lost);
	}
}

void ways_free(struct ways *ways)
{
	free(ways->nodes);
	*ways = (struct ways){ 0 };
}
