/* What is in a function, whatever leads to it. */
#include "facts_walk.h"

#define NUMBER_BEFORE 12 /* instructions in front of a system call that may set its number */
#define HEADER_MAX 16    /* bytes below a block */

static void add_call(struct facts *facts, taddr_t callee)
{
	if (facts->call_count < FACTS_CALLS && !facts_calls(facts, callee))
		facts->calls[facts->call_count++] = callee;
}

static void add_constant(struct facts *facts, int64_t value)
{
	if (facts->constant_count < FACTS_CONSTANTS && !facts_has_constant(facts, value))
		facts->constants[facts->constant_count++] = value;
}

static void add_data(struct facts *facts, taddr_t addr)
{
	if (facts->data_count < FACTS_DATA && !facts_names(facts, addr))
		facts->data[facts->data_count++] = addr;
}

static void add_syscall(struct facts *facts, int64_t number)
{
	if (facts->syscall_count < FACTS_SYSCALLS)
		facts->syscalls[facts->syscall_count++] = (unsigned)number;
}

/* A constant pushed and popped, which is the shortest way to move one. */
static int64_t popped(const struct decoded *push, const struct decoded *pop)
{
	struct arch_look look = arch_look(push);

	return look.immediate && push->moves_sp && pop->moves_sp && pop->sp_known &&
	       push->sp_delta == -pop->sp_delta ? look.immediate->value : -1;
}

/* The constant that was last put into reg, or -1. */
static int64_t last_constant(const struct facts_walk *walk, size_t i, unsigned reg)
{
	for (size_t n = 0; n < NUMBER_BEFORE && i-- > 0; n++) {
		struct arch_values values = { .known = 0 };

		arch_follow(&walk->nodes[i].insn, &values);
		if (values.known & 1u << reg)
			return (int64_t)values.value[reg];
		if (walk->nodes[i].insn.writes & 1u << reg)
			return i ? popped(&walk->nodes[i - 1].insn, &walk->nodes[i].insn) : -1;
	}
	return -1;
}

/* One that hands a number on to a function which enters the kernel with it. */
static void look_at_call(const struct facts_walk *walk, size_t i, taddr_t callee)
{
	const struct facts *facts;
	int64_t number = last_constant(walk, i, ARCH_ARG0);

	add_call(walk->facts, callee);
	walk->facts->cut |= number >= 0 && walk->nesting >= FACTS_NESTING_MAX;
	if (number < 0 || walk->nesting >= FACTS_NESTING_MAX)
		return;
	facts = facts_make(walk->table, callee, walk->nesting + 1);
	if (facts && facts->any_syscall)
		add_syscall(walk->facts, number);
}

/* Also where the instruction before has moved the register there. */
static bool is_below(const struct operand *op, const struct decoded *before)
{
	struct arch_look step = arch_look(before);
	int64_t at = op->value;

	if (op->kind != OPERAND_MEM || op->reg >= ARCH_REGS || op->index < ARCH_REGS ||
	    op->reg == ARCH_RBP || op->reg == ARCH_RSP)
		return false;
	if (step.steps && before->insn.dst.reg == op->reg)
		at += step.step;
	return at < 0 && at >= -HEADER_MAX;
}

void facts_look_at(const struct facts_walk *walk, size_t i)
{
	const struct decoded *insn = &walk->nodes[i].insn;
	const struct decoded *before = &walk->nodes[i ? i - 1 : i].insn;
	struct arch_look look = arch_look(insn);
	struct facts *facts = walk->facts;
	int64_t number = insn->enters_kernel ? last_constant(walk, i, ARCH_RESULT) : 0;

	facts->stops |= insn->flow == FLOW_STOP;
	facts->returns |= insn->flow == FLOW_RET ||
	                  (insn->flow == FLOW_JUMP && (!insn->target ||
	                                               facts_is_other(walk, insn->target)));
	facts->below |= !insn->refuse &&
	                (is_below(&insn->insn.src, before) ||
	                 (look.compares && is_below(&insn->insn.dst, before)));
	if (look.address)
		add_data(facts, look.address);
	if (look.immediate)
		add_constant(facts, look.immediate->value);
	if (insn->enters_kernel && number >= 0)
		add_syscall(facts, number);
	facts->any_syscall |= insn->enters_kernel && number < 0;
	if (insn->target && (insn->flow == FLOW_CALL || facts_is_other(walk, insn->target)))
		look_at_call(walk, i, insn->target);
}
