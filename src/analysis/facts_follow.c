/* Arguments are followed along all ways through the function: one matters where an instruction
 * reads its register before anything has written it, or where a function is called, or jumped
 * to, to which it matters. Copies of the first two are followed through registers and through the
 * one place on the stack that each was put to, which is what code that is not optimised does. */
#include <stdlib.h>

#include "facts_walk.h"

#define ARGS 3

static const uint8_t arg_regs[ARGS] = { ARCH_ARG0, ARCH_ARG1, ARCH_RDX };

static unsigned args_in(uint32_t regs)
{
	unsigned args = 0;

	for (unsigned i = 0; i < ARGS; i++)
		args |= regs & 1u << arg_regs[i] ? 1u << i : 0;
	return args;
}

static uint32_t regs_of(unsigned args)
{
	uint32_t regs = 0;

	for (unsigned i = 0; i < ARGS; i++)
		regs |= args & 1u << i ? 1u << arg_regs[i] : 0;
	return regs;
}

/* What is called, or jumped on to, reads arguments as well. */
static uint32_t read_behind(const struct facts_walk *walk, const struct facts_node *node)
{
	const struct decoded *insn = &node->insn;
	const struct facts *callee;
	bool leaves = insn->flow == FLOW_CALL ||
	              (insn->flow == FLOW_JUMP && facts_is_other(walk, insn->target));

	if (!leaves || !insn->target || !node->kept)
		return 0;
	if (walk->nesting >= FACTS_NESTING_MAX) {
		walk->facts->cut = true;
		return 0;
	}
	callee = facts_make(walk->table, insn->target, walk->nesting + 1);
	return callee ? regs_of(callee->args) : 0;
}

static bool is_slot(const struct operand *slot, const struct operand *op)
{
	return slot->width && op->kind == OPERAND_MEM && op->reg == slot->reg &&
	       op->index == ARCH_NO_REG && op->value == slot->value;
}

static bool holds(const struct facts_walk *walk, const struct facts_node *node, unsigned arg,
                  const struct operand *op)
{
	return is_slot(&walk->slots[arg], op) ||
	       (op->kind == OPERAND_REG && node->copies[arg] & 1u << op->reg);
}

static uint32_t copies_behind(struct facts_walk *walk, const struct facts_node *node, unsigned arg,
                              const struct arch_look *look)
{
	const struct insn *insn = &node->insn.insn;
	uint32_t copies = node->copies[arg] & ~node->insn.writes;
	struct operand *slot = &walk->slots[arg];

	if (!look->copies || !holds(walk, node, arg, &insn->src))
		return copies;
	if (insn->dst.kind == OPERAND_REG)
		return copies | 1u << insn->dst.reg;
	if (insn->dst.kind == OPERAND_MEM && insn->dst.index == ARCH_NO_REG && !slot->width &&
	    (insn->dst.reg == ARCH_RBP || insn->dst.reg == ARCH_RSP)) {
		*slot = insn->dst;
		walk->changed = true;
	}
	return copies;
}

static bool is_factor(const struct facts_walk *walk, const struct facts_node *node, unsigned arg, unsigned i)
{
	const struct decoded *insn = &node->insn;

	if (i && insn->multiplier.kind)
		return is_slot(&walk->slots[arg], &insn->multiplier);
	return node->copies[arg] & 1u << insn->factors[i];
}

static bool makes_product(const struct facts_walk *walk, const struct facts_node *node)
{
	return (node->insn.multiplies || node->insn.multiplier.kind) &&
	       ((is_factor(walk, node, 0, 0) && is_factor(walk, node, 1, 1)) ||
	        (is_factor(walk, node, 1, 0) && is_factor(walk, node, 0, 1)));
}

static bool stores_through(const struct facts_node *node, const struct arch_look *look)
{
	const struct operand *dst = &node->insn.insn.dst;

	return look->copies && dst->kind == OPERAND_MEM && dst->reg < ARCH_REGS && !dst->value &&
	       dst->index == ARCH_NO_REG && node->copies[0] & 1u << dst->reg;
}

int facts_by_vaddr(const void *a, const void *b)
{
	taddr_t x = ((const struct facts_node *)a)->vaddr, y = ((const struct facts_node *)b)->vaddr;

	return x < y ? -1 : x > y;
}

struct state { /* behind an instruction */
	uint32_t kept, copies[FACTS_FOLLOWED];
};

static void reach(struct facts_walk *walk, taddr_t vaddr, const struct state *state)
{
	const struct facts_node key = { .vaddr = vaddr };
	struct facts_node *node = bsearch(&key, walk->nodes, walk->count, sizeof(key), facts_by_vaddr);

	if (!node || (node->reached && !(state->kept & ~node->kept) &&
	              !(state->copies[0] & ~node->copies[0]) &&
	              !(state->copies[1] & ~node->copies[1])))
		return;
	node->reached = walk->changed = true;
	node->kept |= state->kept;
	for (unsigned arg = 0; arg < FACTS_FOLLOWED; arg++)
		node->copies[arg] |= state->copies[arg];
}

static void follow(struct facts_walk *walk, const struct facts_node *node)
{
	const struct decoded *insn = &node->insn;
	struct facts *facts = walk->facts;
	struct arch_look look = arch_look(insn);
	struct state behind = { .kept = insn->flow == FLOW_CALL ? 0 : node->kept & ~insn->writes };

	for (unsigned arg = 0; arg < FACTS_FOLLOWED; arg++)
		behind.copies[arg] = copies_behind(walk, node, arg, &look);
	facts->args |= args_in(node->kept & (look.reads | read_behind(walk, node)));
	facts->stores |= stores_through(node, &look);
	facts->multiplies |= makes_product(walk, node);
	facts->tests_null |= look.tested && holds(walk, node, 0, look.tested);
	if (insn->flow == FLOW_NEXT || insn->flow == FLOW_BRANCH || insn->flow == FLOW_CALL)
		reach(walk, node->vaddr + insn->len, &behind);
	if ((insn->flow == FLOW_BRANCH || insn->flow == FLOW_JUMP) && insn->target)
		reach(walk, insn->target, &behind);
}

void facts_follow(struct facts_walk *walk)
{
	const struct state begin = { regs_of((1u << ARGS) - 1),
		                     { 1u << ARCH_ARG0, 1u << ARCH_ARG1 } };

	reach(walk, walk->facts->begin, &begin);
	while (walk->changed) {
		walk->changed = false;
		for (size_t i = 0; i < walk->count; i++)
			if (walk->nodes[i].reached)
				follow(walk, &walk->nodes[i]);
	}
}
