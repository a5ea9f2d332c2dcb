/* Decoding: one instruction described twice, from one libcapstone decode.
 *
 * The first description holds for everything that decodes. It serves analysis
 * of control flow and of where values live, and errs on the safe side: an
 * instruction writes at least what really is written. A call is described the
 * way its next instruction sees it: the callee has clobbered the caller-saved
 * registers and rsp is back where it was.
 *
 * The second is struct insn, which emulate.c can execute without capstone and
 * without the bytes. It exists only for forms whose every effect is known to
 * be reproduced; all others get a reason. A table indexed by capstone's id
 * says what operation an id stands for; prefixes and operands then decide
 * whether this very encoding of it is one of those forms.
 *
 * capstone 4 is believed, but not blindly. Prefixes are read from the bytes,
 * because it hides some and misjudges others; so are branch targets, which it
 * may cut short. It shows the immediates of some widths zero-extended, gives
 * movsxd a 64-bit destination always, and is silent on some implicit writes.
 * What it is silent on was found by running random instructions and comparing:
 * the table has it as also_writes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <capstone/capstone.h>

#include "arch.h"
#include "arch_insn.h"
#include "forms.h"

struct decoder {
	csh handle;
	cs_insn *insn;
};

/* ---- prefixes ----------------------------------------------------------- */

struct prefixes {
	bool lock, repeat, operand_size, address_size;
	bool rex_w;
	bool buried_repeat; /* another prefix between it and the opcode */
	bool stray_rex; /* one before the last: the processor ignores it, capstone may not */
	uint8_t segments;
};

static bool take_legacy_prefix(struct prefixes *prefix, uint8_t byte)
{
	switch (byte) {
	case 0xf0: prefix->lock = true; return true;
	case 0xf2: /* fall through */
	case 0xf3: prefix->repeat = true; return true;
	case 0x66: prefix->operand_size = true; return true;
	case 0x67: prefix->address_size = true; return true;
	case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65:
		prefix->segments++;
		return true;
	}
	return false;
}

static struct prefixes scan_prefixes(const uint8_t *code, size_t len)
{
	struct prefixes prefix = { 0 };
	bool rex = false;

	for (size_t i = 0; i < len; i++) {
		bool legacy = take_legacy_prefix(&prefix, code[i]);

		if (!legacy && (code[i] & 0xf0) != 0x40)
			break;
		prefix.buried_repeat |= legacy && prefix.repeat && (code[i] & 0xfe) != 0xf2;
		prefix.stray_rex |= rex;
		rex = !legacy;
		prefix.rex_w = rex && code[i] & 8;
	}
	return prefix;
}

static bool is_16_bit(const struct prefixes *prefix)
{
	return prefix->operand_size && !prefix->rex_w;
}

/* ---- registers ---------------------------------------------------------- */

static uint32_t register_bit(unsigned reg)
{
	return parts[reg].width ? 1u << parts[reg].number : 0;
}

/* ---- what analysis asks ------------------------------------------------- */

struct encoded { /* one instruction, as capstone and its bytes show it */
	const cs_insn *cs;
	const cs_x86 *x86;
	const struct form *form;
	struct prefixes prefix;
};

/* ins outs movs cmps stos lods scas; capstone has movsd in common with SSE */
static bool is_string(const struct encoded *e)
{
	uint8_t opcode = e->x86->opcode[0];

	return (opcode & 0xfc) == 0x6c || (opcode & 0xfc) == 0xa4 ||
	       (opcode >= 0xaa && opcode <= 0xaf);
}

/* Near branches under an operand-size prefix are 64 bits wide to one maker's
 * processors and 16 to another's. The others are capstone's: lengths are wrong
 * for branches under an address-size prefix and REX.W, and where 66 comes before
 * a repeat prefix; a repeat prefix that belongs to the opcode (as in cvttss2si)
 * is not seen behind another one. No compiler writes any of them. */
static bool is_ambiguous(const struct encoded *e)
{
	const struct prefixes *prefix = &e->prefix;

	if (e->form->near)
		return is_16_bit(prefix) || (prefix->address_size && prefix->rex_w);
	if (e->x86->opcode[0] == 0x0f)
		return prefix->buried_repeat;
	return prefix->operand_size && prefix->repeat && !is_string(e);
}

static bool is_memory(const cs_x86_op *op) { return op->type == X86_OP_MEM; }

static uint8_t segment_of(const cs_x86_op *op)
{
	switch (op->mem.segment) {
	case X86_REG_FS: return SEGMENT_FS;
	case X86_REG_GS: return SEGMENT_GS;
	default:         return SEGMENT_FLAT;
	}
}

static bool is_pc_relative(const cs_x86_op *op)
{
	return op->mem.base == X86_REG_RIP && segment_of(op) == SEGMENT_FLAT;
}

static taddr_t displacement(const struct encoded *e, const cs_x86_op *op)
{
	taddr_t origin = op->mem.base == X86_REG_RIP ? e->cs->address + e->cs->size : 0;

	return origin + (taddr_t)op->mem.disp;
}

static bool is_relative(const struct encoded *e)
{
	return e->form->near && e->form->flow != FLOW_RET && e->x86->op_count == 1 &&
	       e->x86->operands[0].type == X86_OP_IMM;
}

/* From the bytes: capstone cuts some to 16 bits under 66 and REX.W together. */
static taddr_t relative_target(const struct encoded *e)
{
	uint8_t opcode = e->x86->opcode[0];
	bool is_short = (opcode & 0xf0) == 0x70 || (opcode & 0xfc) == 0xe0 || opcode == 0xeb;
	const uint8_t *end = e->cs->bytes + e->cs->size;
	taddr_t next = e->cs->address + e->cs->size;
	int32_t distance;

	if (is_short)
		return next + (taddr_t)(int8_t)end[-1];
	memcpy(&distance, end - sizeof(distance), sizeof(distance));
	return next + (taddr_t)distance;
}

static bool is_fixed_slot(const cs_x86_op *op)
{
	return is_memory(op) && segment_of(op) == SEGMENT_FLAT &&
	       (op->mem.base == X86_REG_INVALID || op->mem.base == X86_REG_RIP) &&
	       op->mem.index == X86_REG_INVALID;
}

static void describe_flow(const struct encoded *e, struct decoded *out)
{
	const cs_x86_op *op = &e->x86->operands[0];

	out->flow = e->form->flow;
	if (is_relative(e))
		out->target = relative_target(e);
	else if (e->form->near && e->x86->op_count == 1 && is_fixed_slot(op))
		out->slot = displacement(e, op);
}

static uint32_t registers_written(const struct encoded *e)
{
	const cs_detail *detail = e->cs->detail;
	uint32_t written = e->form->also_writes;

	if (e->form->flow == FLOW_CALL)
		return ((1u << ARCH_REGS) - 1) & ~(ARCH_CALLEE_SAVED | W(RSP));
	if (e->prefix.repeat && is_string(e))
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
	int32_t slot = is_16_bit(&e->prefix) ? 2 : 8;

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

static void describe_product(const struct encoded *e, struct decoded *out)
{
	const cs_x86_op *op = e->x86->operands;
	unsigned count = e->x86->op_count, id = e->cs->id;

	if (!(id == X86_INS_IMUL && count == 2) &&
	    !((id == X86_INS_IMUL || id == X86_INS_MUL) && count == 1))
		return;
	if (!is_whole_register(&op[0]) || !is_whole_register(&op[count - 1]))
		return;
	out->multiplies = true;
	out->product = out->factors[0] = count == 2 ? parts[op[0].reg].number : ARCH_RAX;
	out->factors[1] = parts[op[count - 1].reg].number;
}

static void describe(const struct encoded *e, struct decoded *out)
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

/* ---- what emulation asks ------------------------------------------------ */

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
	to->segment = segment_of(from);
	to->value = (int64_t)displacement(e, from);
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
		to->value = is_relative(e) ? (int64_t)relative_target(e) : from->imm;
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
	if (is_16_bit(&e->prefix))
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

static const char *make_insn(const struct encoded *e, struct insn *insn)
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

/* ---- the decoder -------------------------------------------------------- */

struct decoder *decoder_new(void)
{
	struct decoder *decoder = calloc(1, sizeof(*decoder));

	if (!decoder)
		return NULL;
	if (cs_open(CS_ARCH_X86, CS_MODE_64, &decoder->handle) != CS_ERR_OK) {
		free(decoder);
		return NULL;
	}
	cs_option(decoder->handle, CS_OPT_DETAIL, CS_OPT_ON);
	decoder->insn = cs_malloc(decoder->handle);
	if (!decoder->insn) {
		decoder_free(decoder);
		return NULL;
	}
	return decoder;
}

void decoder_free(struct decoder *decoder)
{
	if (!decoder)
		return;
	if (decoder->insn)
		cs_free(decoder->insn, 1);
	cs_close(&decoder->handle);
	free(decoder);
}

int decoder_decode(struct decoder *decoder, const uint8_t *code, size_t len, taddr_t addr,
                   struct decoded *out)
{
	struct encoded e = { .cs = decoder->insn, .prefix = scan_prefixes(code, len) };

	memset(out, 0, sizeof(*out));
	if (e.prefix.stray_rex ||
	    !cs_disasm_iter(decoder->handle, &code, &len, &addr, decoder->insn))
		return -EILSEQ;
	e.form = &forms[decoder->insn->id];
	e.x86 = &decoder->insn->detail->x86;
	if (is_ambiguous(&e))
		return -EILSEQ;
	describe(&e, out);
	out->refuse = make_insn(&e, &out->insn);
	return 0;
}
