/* Some instructions do the same without their first byte: a longer nop is a nop, and a REX.W
 * in front of `test reg, reg` only makes the test look at the upper half too. Where a trap
 * replaces such a byte the thread stands right behind it when it is hit, and may go on from
 * there: nothing is to be written.
 *
 * test clears CF and OF, sets PF by the lowest byte, ZF by all and SF by the topmost bit. So
 * without REX.W it does the same but for SF, which must not be looked at, as long as the lower
 * half is not zero when the whole is not. */
#include <string.h>

#include "arch.h"
#include "arch_insn.h"

#define REX_W 0x48

static bool is_whole_register(const struct operand *op)
{
	return op->kind == OPERAND_REG && op->width == 8;
}

/* What is left of endbr64, a hint nop (SDM vol. 2, appendix A) that capstone does not know. */
static const uint8_t landing[] = { 0x0f, 0x1e, 0xfa };

static bool is_nop(struct decoder *decoder, const uint8_t *code, size_t len)
{
	struct decoded insn;

	if (len == sizeof(landing) && memcmp(code, landing, len) == 0)
		return true;
	return len && decoder_decode(decoder, code, len, 0, &insn) == 0 && insn.is_nop &&
	       insn.len == len;
}

enum arch_shed arch_shed(struct decoder *decoder, const uint8_t *code, const struct decoded *insn)
{
	const struct operand *dst = &insn->insn.dst, *src = &insn->insn.src;

	if (insn->is_nop && is_nop(decoder, code + 1, insn->len - 1))
		return ARCH_SHED;
	if (!insn->refuse && insn->insn.op == INSN_TEST && code[0] == REX_W &&
	    is_whole_register(dst) && is_whole_register(src) && dst->reg == src->reg)
		return ARCH_SHED_BUT_SIGN;
	return ARCH_SHED_NOT;
}

const struct insn arch_nop = { .op = INSN_NOP, .len = 1 };

static bool looks_at_sign(unsigned cond)
{
	return cond == COND_S || cond == COND_NS || cond >= COND_L;
}

enum arch_sign arch_sign(const struct decoded *insn)
{
	if (insn->flow == FLOW_CALL || insn->flow == FLOW_RET || insn->flow == FLOW_STOP)
		return ARCH_SIGN_LOST; /* psABI 3.2.1: flags are not preserved */
	if (insn->refuse || (insn->flow == FLOW_JUMP && !insn->target))
		return ARCH_SIGN_USED;
	switch (insn->insn.op) {
	case INSN_ADD: case INSN_ADC: case INSN_SUB: case INSN_SBB: case INSN_CMP:
	case INSN_AND: case INSN_OR: case INSN_XOR: case INSN_TEST:
	case INSN_INC: case INSN_DEC: case INSN_NEG:
		return ARCH_SIGN_LOST;
	case INSN_SHL: case INSN_SHR: case INSN_SAR:
		return insn->insn.src.value ? ARCH_SIGN_LOST : ARCH_SIGN_KEPT;
	case INSN_JCC: case INSN_CMOV: case INSN_SET:
		return looks_at_sign(insn->insn.cond) ? ARCH_SIGN_USED : ARCH_SIGN_KEPT;
	default:
		return ARCH_SIGN_KEPT;
	}
}
