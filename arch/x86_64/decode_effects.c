/* What analysis asks of an instruction. */
#include "decode.h"

static uint32_t register_bit(unsigned reg)
{
	return parts[reg].width ? 1u << parts[reg].number : 0;
}

static bool is_memory(const cs_x86_op *op) { return op->type == X86_OP_MEM; }

static bool is_pc_relative(const cs_x86_op *op)
{
	return op->mem.base == X86_REG_RIP && encoded_segment(op) == SEGMENT_FLAT;
}

static bool is_fixed_slot(const cs_x86_op *op)
{
	return is_memory(op) && encoded_segment(op) == SEGMENT_FLAT &&
	       (op->mem.base == X86_REG_INVALID || op->mem.base == X86_REG_RIP) &&
	       op->mem.index == X86_REG_INVALID;
}

static void describe_flow(const struct encoded *e, struct decoded *out)
{
	const cs_x86_op *op = &e->x86->operands[0];

	out->flow = e->form->flow;
	if (encoded_is_relative(e))
		out->target = encoded_target(e);
	else if (e->form->near && e->x86->op_count == 1 && is_fixed_slot(op))
		out->slot = encoded_displacement(e, op);
}

static uint32_t registers_written(const struct encoded *e)
{
	const cs_detail *detail = e->cs->detail;
	uint32_t written = e->form->also_writes;

	if (e->form->flow == FLOW_CALL)
		return ((1u << ARCH_REGS) - 1) & ~(ARCH_CALLEE_SAVED | W(RSP));
	if (e->prefix.repeat && encoded_is_string(e))
		written |= W(RCX);
	for (unsigned i = 0; i < detail->regs_write_count; i++)
		written |= register_bit(detail->regs_write[i]);
	for (unsigned i = 0; i < e->x86->op_count; i++) {
		const cs_x86_op *op = &e->x86->operands[i];

		/* capstone gives no access at all where it does not know */
		if (op->type == X86_OP_REG && op->access != CS_AC_READ)
			written |= register_bit(op->reg);
	}
	return written;
}

static bool touches_memory(const struct encoded *e)
{
	unsigned id = e->cs->id;

	if (e->form->op == INSN_LEA || e->form->op == INSN_NOP)
		return false;
	if (e->form->stack || e->form->flow == FLOW_CALL || e->form->flow == FLOW_RET)
		return true;
	for (unsigned i = 0; i < e->x86->op_count; i++)
		if (is_memory(&e->x86->operands[i]) && !is_pc_relative(&e->x86->operands[i]))
			return true;
	return id == X86_INS_XLATB || id == X86_INS_MASKMOVQ || id == X86_INS_MASKMOVDQU ||
	       id == X86_INS_VMASKMOVDQU || id == X86_INS_SYSCALL || id == X86_INS_INT;
}

/* rsp = rsp + constant, by an operation with operands */
static bool adjusts_sp(const struct encoded *e, int32_t *delta)
{
	const cs_x86_op *op = e->x86->operands;

	if (e->x86->op_count != 2 || op[0].type != X86_OP_REG || op[0].reg != X86_REG_RSP)
		return false;
	if (e->cs->id == X86_INS_LEA) {
		*delta = (int32_t)op[1].mem.disp;
		return op[1].mem.base == X86_REG_RSP && op[1].mem.index == X86_REG_INVALID;
	}
	if (op[1].type != X86_OP_IMM || (e->cs->id != X86_INS_ADD && e->cs->id != X86_INS_SUB))
		return false;
	*delta = (int32_t)(e->cs->id == X86_INS_ADD ? op[1].imm : -op[1].imm);
	return true;
}

static bool sp_moves_by(const struct encoded *e, int32_t *delta)
{
	const cs_x86_op *op = e->x86->operands;
	int32_t slot = encoded_is_16_bit(e) ? 2 : 8;

	switch (e->cs->id) {
	case X86_INS_PUSH:
	case X86_INS_PUSHF:
	case X86_INS_PUSHFQ:
		*delta = -slot;
		return true;
	case X86_INS_POP:
	case X86_INS_POPF:
	case X86_INS_POPFQ:
		*delta = slot;
		return !(e->x86->op_count && op[0].type == X86_OP_REG &&
		         register_bit(op[0].reg) == W(RSP));
	case X86_INS_RET:
		*delta = 8 + (e->x86->op_count ? (int32_t)(op[0].imm & 0xffff) : 0);
		return true;
	}
	return adjusts_sp(e, delta);
}

static bool is_whole_register(const cs_x86_op *op)
{
	return op->type == X86_OP_REG && parts[op->reg].width == 8;
}

static bool is_whole(const cs_x86_op *op)
{
	return is_whole_register(op) || (op->type == X86_OP_MEM && op->size == 8);
}

static void describe_multiplier(const struct encoded *e, const cs_x86_op *from, struct operand *to)
{
	const struct part *base = &parts[from->mem.base];

	if (from->mem.index != X86_REG_INVALID || from->mem.segment != X86_REG_INVALID)
		return;
	*to = (struct operand){ .kind = OPERAND_MEM, .width = 8, .index = ARCH_NO_REG,
		                .reg = base->width ? base->number : ARCH_NO_REG,
		                .value = (int64_t)encoded_displacement(e, from) };
}

static void describe_product(const struct encoded *e, struct decoded *out)
{
	const cs_x86_op *op = e->x86->operands;
	unsigned count = e->x86->op_count, id = e->cs->id;

	if (!(id == X86_INS_IMUL && count == 2) &&
	    !((id == X86_INS_IMUL || id == X86_INS_MUL) && count == 1))
		return;
	if ((count == 2 && !is_whole_register(&op[0])) || !is_whole(&op[count - 1]))
		return;
	out->product = out->factors[0] = count == 2 ? parts[op[0].reg].number : ARCH_RAX;
	if (op[count - 1].type == X86_OP_MEM) {
		describe_multiplier(e, &op[count - 1], &out->multiplier);
		return;
	}
	out->multiplies = true;
	out->factors[1] = parts[op[count - 1].reg].number;
}

void describe(const struct encoded *e, struct decoded *out)
{
	out->len = (uint8_t)e->cs->size;
	out->touches_memory = touches_memory(e);
	out->writes = registers_written(e);
	out->moves_sp = out->writes & W(RSP);
	if (out->moves_sp)
		out->sp_known = sp_moves_by(e, &out->sp_delta);
	if (!out->sp_known)
		out->sp_delta = 0;
	out->is_nop = e->form->op == INSN_NOP;
	out->enters_kernel = e->cs->id == X86_INS_SYSCALL;
	describe_product(e, out);
	describe_flow(e, out);
}
