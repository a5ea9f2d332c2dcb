/* One instruction as capstone and its bytes show it: what the files that decode have in common. */
#ifndef DECODE_H
#define DECODE_H

#include <capstone/capstone.h>

#include "arch.h"
#include "arch_insn.h"

#define W(reg) (1u << ARCH_##reg)

enum shape { /* which operands the operation takes, in capstone's order */
	SHAPE_NONE,
	SHAPE_DST,
	SHAPE_SRC,
	SHAPE_OPTIONAL_SRC,
	SHAPE_DST_SRC,
	SHAPE_RAX, /* none shown: see imply_operands */
};

struct form {
	uint8_t op; /* enum insn_op */
	uint8_t cond;
	uint8_t shape;
	uint8_t flow; /* enum flow */
	uint16_t also_writes;
	bool stack; /* reads or writes the stack without showing an operand */
	bool near;  /* jumps, calls or returns within the code segment */
};

extern const struct form forms[X86_INS_ENDING]; /* by capstone's id */

struct part { /* of a general register; width 0: it is none */
	uint8_t number, width, high;
};

extern const struct part parts[X86_REG_ENDING]; /* by capstone's number */

struct prefixes {
	bool lock, repeat, operand_size, address_size;
	bool rex_w;
	bool buried_repeat; /* another prefix between it and the opcode */
	bool stray_rex; /* one before the last: the processor ignores it, capstone may not */
	uint8_t segments;
};

struct encoded { /* one instruction, as capstone and its bytes show it */
	const cs_insn *cs;
	const cs_x86 *x86;
	const struct form *form;
	struct prefixes prefix;
};

/* ins outs movs cmps stos lods scas; capstone has movsd in common with SSE */
bool encoded_is_string(const struct encoded *);
bool encoded_is_16_bit(const struct encoded *);
uint8_t encoded_segment(const cs_x86_op *); /* enum insn_segment */
/* Of a memory operand, what stands beside its registers. */
taddr_t encoded_displacement(const struct encoded *, const cs_x86_op *);
/* A branch to a fixed distance, and where it goes. */
bool encoded_is_relative(const struct encoded *);
taddr_t encoded_target(const struct encoded *);

/* For analysis. */
void describe(const struct encoded *, struct decoded *);
/* For emulation; else the reason why not, and the insn is 0. */
const char *make_insn(const struct encoded *, struct insn *);

#endif
