/* What an instruction looks at, for telling functions by what they do. */
#include "arch.h"
#include "arch_insn.h"

static uint32_t bit(uint8_t reg)
{
	return reg < ARCH_REGS ? 1u << reg : 0;
}

/* Of an operand that is read, or only addressed. */
static uint32_t read_by(const struct operand *op, bool value)
{
	switch (op->kind) {
	case OPERAND_REG:
		return value ? bit(op->reg) : 0;
	case OPERAND_MEM:
		return bit(op->reg) | bit(op->index);
	default:
		return 0;
	}
}

static bool is_same_register(const struct operand *a, const struct operand *b)
{
	return a->kind == OPERAND_REG && b->kind == OPERAND_REG && a->reg == b->reg &&
	       a->width == b->width && !a->high && !b->high;
}

static bool makes_constant(const struct insn *insn)
{
	return (insn->op == INSN_XOR || insn->op == INSN_SUB || insn->op == INSN_SBB) &&
	       is_same_register(&insn->dst, &insn->src);
}

static bool only_writes(uint8_t op)
{
	return op == INSN_MOV || op == INSN_MOVSX || op == INSN_LEA || op == INSN_SET ||
	       op == INSN_POP;
}

static uint32_t reads(const struct decoded *insn)
{
	const struct insn *in = &insn->insn;

	if (insn->multiplies)
		return bit(insn->factors[0]) | bit(insn->factors[1]);
	if (insn->multiplier.kind)
		return bit(insn->factors[0]) | read_by(&insn->multiplier, true);
	if (insn->refuse || makes_constant(in) || in->op == INSN_PUSH)
		return 0;
	return read_by(&in->src, in->op != INSN_LEA) | read_by(&in->dst, !only_writes(in->op));
}

static const struct operand *tested(const struct insn *in)
{
	if (in->op == INSN_TEST && is_same_register(&in->dst, &in->src))
		return &in->dst;
	if (in->op == INSN_CMP && in->src.kind == OPERAND_IMM && !in->src.value)
		return &in->dst;
	return NULL;
}

static const struct operand *immediate(const struct insn *in)
{
	if (in->src.kind == OPERAND_IMM)
		return &in->src;
	return in->dst.kind == OPERAND_IMM ? &in->dst : NULL;
}

static bool is_named(const struct operand *op)
{
	return op->kind == OPERAND_MEM && op->reg == ARCH_NO_REG && !op->segment;
}

struct arch_look arch_look(const struct decoded *insn)
{
	const struct insn *in = &insn->insn;
	struct arch_look look = { .reads = reads(insn) };

	if (insn->refuse)
		return look;
	look.tested = tested(in);
	look.immediate = insn->flow == FLOW_NEXT ? immediate(in) : NULL;
	look.steps = (in->op == INSN_ADD || in->op == INSN_SUB) &&
	             in->dst.kind == OPERAND_REG && in->src.kind == OPERAND_IMM;
	look.step = in->op == INSN_SUB ? -in->src.value : in->src.value;
	look.compares = in->op == INSN_CMP || in->op == INSN_TEST;
	look.copies = in->op == INSN_MOV && in->dst.width >= 4 && in->src.width >= 4;
	if (is_named(&in->src) || is_named(&in->dst))
		look.address = (taddr_t)(is_named(&in->src) ? in->src.value : in->dst.value);
	return look;
}
