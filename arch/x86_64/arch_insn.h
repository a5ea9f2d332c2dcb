/* The codes in struct insn, agreed between decode.c and emulate.c. */
#ifndef ARCH_INSN_H
#define ARCH_INSN_H

/* dst and src are read and written as the names of the fields say. Operations
 * with one operand that is only read (push, jmp, jcc, call, ret) have it in src.
 *
 *   MOV    also movzx: reading a narrow operand zero-extends it
 *   MOVSX  also movsxd, cbw, cwde, cdqe
 *   CQO    also cwd, cdq: dst is rdx, src is rax
 *   SHL SHR SAR  src is an immediate from 0 to one less than the bits of dst
 *   RET    src is an immediate, or none: bytes to drop above the return address */
#define INSN_OPS(X)                                                                             \
	X(NOP) X(MOV) X(MOVSX) X(LEA) X(XCHG) X(CMOV) X(SET) X(CQO)                             \
	X(ADD) X(ADC) X(SUB) X(SBB) X(CMP) X(AND) X(OR) X(XOR) X(TEST)                          \
	X(INC) X(DEC) X(NEG) X(NOT) X(SHL) X(SHR) X(SAR)                                        \
	X(PUSH) X(POP) X(LEAVE) X(JMP) X(JCC) X(CALL) X(RET)

#define INSN_ENUM(name) INSN_##name,
enum insn_op { INSN_NONE, INSN_OPS(INSN_ENUM) INSN_COUNT };
#undef INSN_ENUM

/* As the low four bits of the opcode encode them: bit 0 negates. */
enum insn_cond {
	COND_O, COND_NO, COND_B, COND_AE, COND_E, COND_NE, COND_BE, COND_A,
	COND_S, COND_NS, COND_P, COND_NP, COND_L, COND_GE, COND_LE, COND_G
};

/* operand.segment; the other segments have base 0 in 64-bit mode. */
enum insn_segment { SEGMENT_FLAT, SEGMENT_FS, SEGMENT_GS };

#endif
