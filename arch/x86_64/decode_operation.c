/* What emulation asks: an instruction of which every effect is known to be reproduced. */
#include "decode.h"

static const char *refuse_prefixes(const struct encoded *e)
{
	const struct prefixes *prefix = &e->prefix;

	if (prefix->lock)
		return "a lock prefix asks for an atomicity that emulation does not have";
	if (e->form->op == INSN_NOP)
		return NULL;
	if (prefix->address_size)
		return "an address-size prefix";
	if (prefix->repeat && !e->form->near)
		return "a repeat prefix";
	if (prefix->segments > 1)
		return "more than one segment prefix";
	if (e->form->stack && prefix->operand_size)
		return "a stack operation with an operand-size prefix";
	return NULL;
}

static const char *take_memory(const struct encoded *e, const cs_x86_op *from, struct operand *to)
{
	const struct part *base = &parts[from->mem.base], *index = &parts[from->mem.index];

	if (index->width ? index->width != 8 : from->mem.index != X86_REG_INVALID)
		return "an index that is no general register";
	to->kind = OPERAND_MEM;
	to->reg = base->width ? base->number : ARCH_NO_REG;
	to->index = index->width ? index->number : ARCH_NO_REG;
	to->scale = (uint8_t)from->mem.scale;
	to->segment = encoded_segment(from);
	to->value = (int64_t)encoded_displacement(e, from);
	return NULL;
}

static const char *take_operand(const struct encoded *e, const cs_x86_op *from, struct operand *to)
{
	to->width = from->size;
	switch (from->type) {
	case X86_OP_MEM:
		return take_memory(e, from, to);
	case X86_OP_IMM:
		to->kind = OPERAND_IMM;
		to->value = encoded_is_relative(e) ? (int64_t)encoded_target(e) : from->imm;
		return NULL;
	default:
		if (!parts[from->reg].width)
			return "a register that is not one of the general ones";
		to->kind = OPERAND_REG;
		to->reg = parts[from->reg].number;
		to->high = parts[from->reg].high;
		return NULL;
	}
}

/* cbw and cwd, of all widths */
static void imply_operands(const struct encoded *e, struct insn *insn)
{
	uint8_t width = e->prefix.rex_w ? 8 : e->prefix.operand_size ? 2 : 4;
	bool widens = insn->op == INSN_MOVSX;

	insn->src = (struct operand){ .kind = OPERAND_REG, .reg = ARCH_RAX };
	insn->dst = (struct operand){ .kind = OPERAND_REG, .reg = widens ? ARCH_RAX : ARCH_RDX };
	insn->src.width = widens ? width / 2 : width;
	insn->dst.width = width;
}

static const char *take_operands(const struct encoded *e, struct insn *insn)
{
	const cs_x86_op *op = e->x86->operands;
	unsigned shape = e->form->shape, count = e->x86->op_count;
	const char *refuse;

	switch (shape) {
	case SHAPE_NONE:
		return NULL;
	case SHAPE_RAX:
		imply_operands(e, insn);
		return NULL;
	case SHAPE_OPTIONAL_SRC:
		if (!count)
			return NULL;
		break;
	}
	if (count != (shape == SHAPE_DST_SRC ? 2 : 1))
		return "an unexpected number of operands";
	if (shape == SHAPE_SRC || shape == SHAPE_OPTIONAL_SRC)
		return take_operand(e, &op[0], &insn->src);
	refuse = take_operand(e, &op[0], &insn->dst);
	if (!refuse && shape == SHAPE_DST_SRC)
		refuse = take_operand(e, &op[1], &insn->src);
	return refuse;
}

/* As many bytes as the destination has, whatever capstone shows; what has
 * no destination (push and the branches) works on 8. */
static void settle_immediate(struct insn *insn)
{
	struct operand *imm = &insn->src;
	unsigned spare;

	imm->width = insn->dst.kind == OPERAND_NONE ? 8 : insn->dst.width;
	spare = 64 - imm->width * 8;
	imm->value = (int64_t)((uint64_t)imm->value << spare) >> spare;
}

static const char *settle_shift(struct insn *insn)
{
	if (insn->src.kind != OPERAND_IMM)
		return "a shift by a count that is not constant";
	insn->src.value &= insn->dst.width == 8 ? 63 : 31;
	if (insn->src.value >= insn->dst.width * 8)
		return "a shift by more bits than there are, whose flags are undefined";
	return NULL;
}

static const char *settle_extension(const struct encoded *e, struct insn *insn)
{
	if (e->cs->id != X86_INS_MOVSXD)
		return NULL;
	if (encoded_is_16_bit(e))
		return "a movsxd that does not extend";
	insn->dst.width = e->prefix.rex_w ? 8 : 4;
	return NULL;
}

static const char *settle(const struct encoded *e, struct insn *insn)
{
	if (insn->src.kind == OPERAND_IMM)
		settle_immediate(insn);
	switch (insn->op) {
	case INSN_SHL:
	case INSN_SHR:
	case INSN_SAR:
		return settle_shift(insn);
	case INSN_MOVSX:
		return settle_extension(e, insn);
	case INSN_RET:
		insn->src.value &= 0xffff;
		return NULL;
	case INSN_XCHG:
		if (insn->dst.kind == OPERAND_MEM || insn->src.kind == OPERAND_MEM)
			return "an exchange with memory is atomic and emulation is not";
		if (insn->dst.width != insn->src.width) /* 66 before another prefix */
			return "an exchange whose width capstone does not see";
	}
	return NULL;
}

static const char *refuse_operation(const struct encoded *e)
{
	for (unsigned i = 0; i < e->x86->op_count; i++) {
		const cs_x86_op *op = &e->x86->operands[i];

		if (op->type == X86_OP_REG && !parts[op->reg].width)
			return "a register that is not one of the general ones";
	}
	return "an operation that is not emulated";
}

const char *make_insn(const struct encoded *e, struct insn *insn)
{
	const char *refuse = refuse_prefixes(e);

	insn->op = e->form->op;
	insn->cond = e->form->cond;
	insn->len = (uint8_t)e->cs->size;
	if (!refuse && insn->op == INSN_NONE)
		refuse = refuse_operation(e);
	if (!refuse)
		refuse = take_operands(e, insn);
	if (!refuse)
		refuse = settle(e, insn);
	if (refuse)
		*insn = (struct insn){ 0 };
	return refuse;
}
