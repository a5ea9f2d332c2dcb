/* What capstone's numbers stand for. */
#include "decode.h"

/* ---- operations ------------------------------------------------------------ */

#define AS(id, o, s) [X86_INS_##id] = { .op = INSN_##o, .shape = SHAPE_##s }
#define STACK(id, o, s)                                                                          \
	[X86_INS_##id] = { .op = INSN_##o, .shape = SHAPE_##s, .stack = true,                    \
		           .also_writes = W(RSP) }
#define BRANCH(id, o, s, f)                                                                      \
	[X86_INS_##id] = { .op = INSN_##o, .shape = SHAPE_##s, .flow = FLOW_##f, .near = true }
#define FLOW(id, f) [X86_INS_##id] = { .flow = FLOW_##f }
#define FAR(id, f) [X86_INS_##id] = { .flow = FLOW_##f, .also_writes = W(RSP) }
#define WRITES(id, registers) [X86_INS_##id] = { .also_writes = registers }
#define CONDITION(cc)                                                                            \
	[X86_INS_J##cc] = { .op = INSN_JCC, .cond = COND_##cc, .shape = SHAPE_SRC,               \
		            .flow = FLOW_BRANCH, .near = true },                                 \
	[X86_INS_SET##cc] = { .op = INSN_SET, .cond = COND_##cc, .shape = SHAPE_DST },           \
	[X86_INS_CMOV##cc] = { .op = INSN_CMOV, .cond = COND_##cc, .shape = SHAPE_DST_SRC }

const struct form forms[X86_INS_ENDING] = {
	AS(NOP, NOP, NONE), AS(PAUSE, NOP, NONE), AS(ENDBR64, NOP, NONE), AS(ENDBR32, NOP, NONE),

	AS(MOV, MOV, DST_SRC), AS(MOVABS, MOV, DST_SRC), AS(MOVZX, MOV, DST_SRC),
	AS(MOVSX, MOVSX, DST_SRC), AS(MOVSXD, MOVSX, DST_SRC),
	AS(LEA, LEA, DST_SRC), AS(XCHG, XCHG, DST_SRC),
	AS(CBW, MOVSX, RAX), AS(CWDE, MOVSX, RAX), AS(CDQE, MOVSX, RAX),
	AS(CWD, CQO, RAX), AS(CDQ, CQO, RAX), AS(CQO, CQO, RAX),

	AS(ADD, ADD, DST_SRC), AS(ADC, ADC, DST_SRC), AS(SUB, SUB, DST_SRC),
	AS(SBB, SBB, DST_SRC), AS(CMP, CMP, DST_SRC), AS(TEST, TEST, DST_SRC),
	AS(AND, AND, DST_SRC), AS(OR, OR, DST_SRC), AS(XOR, XOR, DST_SRC),
	AS(INC, INC, DST), AS(DEC, DEC, DST), AS(NEG, NEG, DST), AS(NOT, NOT, DST),
	AS(SHL, SHL, DST_SRC), AS(SAL, SHL, DST_SRC), AS(SHR, SHR, DST_SRC), AS(SAR, SAR, DST_SRC),

	STACK(PUSH, PUSH, SRC), STACK(POP, POP, DST), STACK(LEAVE, LEAVE, NONE),
	STACK(PUSHF, NONE, NONE), STACK(PUSHFQ, NONE, NONE),
	STACK(POPF, NONE, NONE), STACK(POPFQ, NONE, NONE),
	[X86_INS_ENTER] = { .stack = true, .also_writes = W(RSP) | W(RBP) },

	BRANCH(JMP, JMP, SRC, JUMP), BRANCH(CALL, CALL, SRC, CALL),
	BRANCH(RET, RET, OPTIONAL_SRC, RET),
	CONDITION(O), CONDITION(NO), CONDITION(B), CONDITION(AE),
	CONDITION(E), CONDITION(NE), CONDITION(BE), CONDITION(A),
	CONDITION(S), CONDITION(NS), CONDITION(P), CONDITION(NP),
	CONDITION(L), CONDITION(GE), CONDITION(LE), CONDITION(G),
	BRANCH(LOOP, NONE, SRC, BRANCH), BRANCH(LOOPE, NONE, SRC, BRANCH),
	BRANCH(LOOPNE, NONE, SRC, BRANCH), BRANCH(JCXZ, NONE, SRC, BRANCH),
	BRANCH(JECXZ, NONE, SRC, BRANCH), BRANCH(JRCXZ, NONE, SRC, BRANCH),
	BRANCH(XBEGIN, NONE, SRC, BRANCH),
	FLOW(LJMP, JUMP), FLOW(LCALL, CALL), FAR(RETF, RET), FAR(RETFQ, RET),
	FAR(IRET, RET), FAR(IRETD, RET), FAR(IRETQ, RET),
	FLOW(UD0, STOP), FLOW(UD2, STOP), FLOW(UD2B, STOP), FLOW(HLT, STOP), FLOW(INT3, STOP),
	FLOW(SYSEXIT, STOP), FLOW(SYSRET, STOP), FLOW(RSM, STOP),

	WRITES(SYSCALL, W(RAX) | W(RCX) | W(R11)), WRITES(INT, W(RAX)),
	WRITES(CMPXCHG, W(RAX)), WRITES(XLATB, W(RAX)),
};

/* ---- registers ------------------------------------------------------------- */

#define PARTS(n, r64, r32, r16, r8)                                                              \
	[X86_REG_##r64] = { ARCH_##n, 8, 0 }, [X86_REG_##r32] = { ARCH_##n, 4, 0 },              \
	[X86_REG_##r16] = { ARCH_##n, 2, 0 }, [X86_REG_##r8] = { ARCH_##n, 1, 0 }
#define NUMBERED(n) PARTS(n, n, n##D, n##W, n##B)

const struct part parts[X86_REG_ENDING] = {
	PARTS(RAX, RAX, EAX, AX, AL),    PARTS(RCX, RCX, ECX, CX, CL),
	PARTS(RDX, RDX, EDX, DX, DL),    PARTS(RBX, RBX, EBX, BX, BL),
	PARTS(RSP, RSP, ESP, SP, SPL),   PARTS(RBP, RBP, EBP, BP, BPL),
	PARTS(RSI, RSI, ESI, SI, SIL),   PARTS(RDI, RDI, EDI, DI, DIL),
	NUMBERED(R8),  NUMBERED(R9),  NUMBERED(R10), NUMBERED(R11),
	NUMBERED(R12), NUMBERED(R13), NUMBERED(R14), NUMBERED(R15),
	[X86_REG_AH] = { ARCH_RAX, 1, 1 }, [X86_REG_CH] = { ARCH_RCX, 1, 1 },
	[X86_REG_DH] = { ARCH_RDX, 1, 1 }, [X86_REG_BH] = { ARCH_RBX, 1, 1 },
};
