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

#include "decode.h"

struct decoder {
	csh handle;
	cs_insn *insn;
};

/* ---- prefixes ----------------------------------------------------------- */

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

/* ---- what every part asks ------------------------------------------------ */

bool encoded_is_16_bit(const struct encoded *e)
{
	return e->prefix.operand_size && !e->prefix.rex_w;
}

uint8_t encoded_segment(const cs_x86_op *op)
{
	switch (op->mem.segment) {
	case X86_REG_FS: return SEGMENT_FS;
	case X86_REG_GS: return SEGMENT_GS;
	default:         return SEGMENT_FLAT;
	}
}

taddr_t encoded_displacement(const struct encoded *e, const cs_x86_op *op)
{
	taddr_t origin = op->mem.base == X86_REG_RIP ? e->cs->address + e->cs->size : 0;

	return origin + (taddr_t)op->mem.disp;
}

bool encoded_is_relative(const struct encoded *e)
{
	return e->form->near && e->form->flow != FLOW_RET && e->x86->op_count == 1 &&
	       e->x86->operands[0].type == X86_OP_IMM;
}

/* From the bytes: capstone cuts some to 16 bits under 66 and REX.W together. */
taddr_t encoded_target(const struct encoded *e)
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

bool encoded_is_string(const struct encoded *e)
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
		return encoded_is_16_bit(e) || (prefix->address_size && prefix->rex_w);
	if (e->x86->opcode[0] == 0x0f)
		return prefix->buried_repeat;
	return prefix->operand_size && prefix->repeat && !encoded_is_string(e);
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
