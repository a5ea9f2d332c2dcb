/* Moves of constants and of registers that hold one, which is how the number of a system
 * call gets into eax; any other instruction makes what it writes unknown. */
#include "arch.h"
#include "arch_insn.h"

/* What a call returns in. Other registers it may have changed are not read afterwards,
 * unless the compiler knows that they are not (gcc's -fipa-ra). */
#define RESULTS (1u << ARCH_RAX | 1u << ARCH_RDX)

static uint64_t low(uint64_t value, unsigned width)
{
	return width < 8 ? value & ((UINT64_C(1) << 8 * width) - 1) : value;
}

static bool is_whole(const struct operand *op)
{
	return op->kind == OPERAND_REG && !op->high && op->width >= 4;
}

static bool moved(const struct operand *src, const struct arch_values *values, uint64_t *out)
{
	if (src->kind == OPERAND_IMM)
		*out = low((uint64_t)src->value, src->width);
	else if (src->kind == OPERAND_REG && !src->high && values->known & 1u << src->reg)
		*out = low(values->value[src->reg], src->width);
	else
		return false;
	return true;
}

static bool is_same(const struct operand *a, const struct operand *b)
{
	return b->kind == OPERAND_REG && a->reg == b->reg && a->width == b->width && !b->high;
}

/* As xor %eax,%eax; mov $56,%al does it, in assembly that is to be short. */
static bool low_byte(const struct insn *insn, const struct arch_values *values, uint64_t *out)
{
	const struct operand *dst = &insn->dst;

	if (insn->op != INSN_MOV || insn->src.kind != OPERAND_IMM || dst->kind != OPERAND_REG ||
	    dst->high || dst->width != 1 || !(values->known & 1u << dst->reg))
		return false;
	*out = (values->value[dst->reg] & ~UINT64_C(0xff)) | low((uint64_t)insn->src.value, 1);
	return true;
}

static bool result(const struct insn *insn, const struct arch_values *values, uint64_t *out)
{
	if (!is_whole(&insn->dst))
		return low_byte(insn, values, out);
	*out = 0;
	switch (insn->op) {
	case INSN_MOV:
		return moved(&insn->src, values, out);
	case INSN_XOR:
	case INSN_SUB:
		return is_same(&insn->dst, &insn->src);
	default:
		return false;
	}
}

void arch_follow(const struct decoded *insn, struct arch_values *values)
{
	uint64_t value;
	bool is_known = !insn->refuse && result(&insn->insn, values, &value);

	values->known &= ~(insn->flow == FLOW_CALL ? RESULTS : insn->writes);
	if (!is_known)
		return;
	values->value[insn->insn.dst.reg] = value;
	values->known |= 1u << insn->insn.dst.reg;
}
