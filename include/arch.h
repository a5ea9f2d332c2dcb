/* What an instruction set must give. A new one is a folder arch/NAME with
 *
 *   arch_regs.h   struct arch_regs (the kernel's NT_PRSTATUS layout), the roles
 *                 arch_pc arch_set_pc arch_sp arch_arg arch_frame, ARCH_REGS
 *                 (how many general registers), ARCH_TRAP (the trap byte) and
 *                 ARCH_TRAP_SKID (how far pc stands behind it when it is hit)
 *   decode.c      bytes -> struct decoded, by libcapstone; used when planting
 *   shed.c        which instructions do the same without their first byte; when planting
 *   emulate.c     struct insn + registers -> registers; pure, used when hit
 *   constant.c    struct decoded + known registers -> known registers; when planting
 *   look.c        struct decoded -> what it looks at; when planting
 *   operand.c     the assembler's words for a register -> its number; when planting
 *   way_out.c     struct decoded + where the caller's registers lie -> the same behind it
 *
 * The build takes one folder by its include path (-Iarch/$(ARCH)). */
#ifndef ARCH_H
#define ARCH_H

#include "types.h"
#include "arch_regs.h"

/* ---- one instruction as data: plain values, crosses processes ---------- */

enum operand_kind { OPERAND_NONE, OPERAND_REG, OPERAND_MEM, OPERAND_IMM };

#define ARCH_NO_REG 0xff

struct operand {
	uint8_t kind;    /* enum operand_kind */
	uint8_t reg;     /* REG: general register number; MEM: base or ARCH_NO_REG */
	uint8_t index;   /* MEM: index register or ARCH_NO_REG */
	uint8_t scale;   /* MEM: 1, 2, 4, 8 */
	uint8_t segment; /* MEM: 0, or the ISA's own segment code */
	uint8_t high;    /* REG: bits 8..15 of the register (x86 ah, bh, ch, dh) */
	uint8_t width;   /* bytes: 1, 2, 4, 8 */
	uint8_t pad;
	int64_t value;   /* IMM: sign-extended; MEM: displacement, absolute when
	                    there is neither base nor index (pc-relative resolved) */
};

struct insn {
	uint8_t op;   /* the ISA's own operation code, 0 = not emulated */
	uint8_t len;  /* bytes */
	uint8_t cond; /* the ISA's own condition code */
	uint8_t pad[5];
	struct operand dst, src;
};

/* ---- decode: what the planner asks about an instruction ---------------- */

enum flow {
	FLOW_NEXT,   /* goes on with the next instruction */
	FLOW_BRANCH, /* conditional: next or target */
	FLOW_JUMP,   /* unconditional */
	FLOW_CALL,
	FLOW_RET,
	FLOW_STOP    /* never goes on: ud2, hlt, int3 */
};

struct decoded {
	struct insn insn;    /* valid when refuse is NULL */
	const char *refuse;  /* why it cannot be emulated; static string */
	uint8_t len;
	uint8_t flow;        /* enum flow */
	bool touches_memory; /* reads or writes memory, other than pc-relative */
	bool is_nop;         /* also as padding between functions and before loops */
	bool enters_kernel;  /* the system call instruction */
	bool moves_sp;       /* writes the stack pointer ... */
	bool sp_known;       /* ... by the constant sp_delta */
	int32_t sp_delta;
	bool multiplies;     /* product = factors[0] * factors[1], of 8 bytes; it may write more */
	uint8_t product, factors[2]; /* register numbers */
	struct operand multiplier;   /* else, MEM: factors[0] is multiplied by it */
	uint32_t writes;     /* bit n: writes general register n (any part) */
	taddr_t target;      /* direct jump, branch or call; else 0 */
	taddr_t slot;        /* jump or call through a fixed memory slot; else 0 */
};

/* Of a whole general register ("%rax", "rax"), or -1. */
int arch_operand_register(const char *text, size_t len);

struct decoder; /* owns a capstone handle; not shared between threads */

struct decoder *decoder_new(void); /* NULL: capstone or memory failed */
void decoder_free(struct decoder *);
/* Decodes the instruction at code[0..len), which stands at addr.
 * 0, or -EILSEQ when it does not decode (out is then all zero). */
int decoder_decode(struct decoder *, const uint8_t *code, size_t len, taddr_t addr,
                   struct decoded *out);

/* ---- without its first byte -------------------------------------------- */

enum arch_shed {
	ARCH_SHED_NOT,
	ARCH_SHED,         /* the rest does the same */
	ARCH_SHED_BUT_SIGN /* the same where arch_sheds holds, but for the flag of arch_sign */
};

/* insn is what code, insn->len bytes, decoded to. */
enum arch_shed arch_shed(struct decoder *, const uint8_t *code, const struct decoded *insn);
extern const struct insn arch_nop; /* of one byte */

enum arch_sign { ARCH_SIGN_KEPT, ARCH_SIGN_LOST, ARCH_SIGN_USED };

/* What an instruction makes of the flag. USED: or it is not known. */
enum arch_sign arch_sign(const struct decoded *);
/* For a thread with these registers in front of an ARCH_SHED_BUT_SIGN. */
bool arch_sheds(const struct insn *, const struct arch_regs *);

/* ---- constants ---------------------------------------------------------- */

struct arch_values { /* of general registers, where they are the same however one got there */
	uint64_t value[ARCH_REGS];
	uint32_t known; /* bit n: register n is */
};

/* From what holds before an instruction to what holds behind it. */
void arch_follow(const struct decoded *, struct arch_values *);

/* ---- what it looks at ---------------------------------------------------- */

struct arch_look { /* pointers are into what was looked at, or NULL */
	uint32_t reads; /* general registers whose values matter to it: to save one is not to
	                   read it. Of what cannot be emulated some may be missing */
	const struct operand *tested;    /* compared with 0 */
	const struct operand *immediate; /* no jump's */
	bool copies;     /* insn.src to insn.dst */
	bool compares;   /* only reads both */
	bool steps;      /* adds step to register insn.dst.reg */
	int64_t step;
	taddr_t address; /* of memory that is named, an index into it aside; or 0 */
};

struct arch_look arch_look(const struct decoded *);

/* ---- the way out of a function ------------------------------------------ */

struct arch_spot {
	uint8_t base;   /* a register as it was where the way began */
	int32_t offset; /* from it */
};

struct arch_way { /* from an instruction of a function on, towards its ret */
	struct arch_spot sp, fp;           /* where the stack and frame pointers point */
	bool lost;                         /* sp is not known any more */
	uint32_t loaded;                   /* bit n: register n was loaded from the stack ... */
	struct arch_spot from[ARCH_REGS];  /* ... there */
};

void arch_way_begin(struct arch_way *);
void arch_way_follow(const struct decoded *, struct arch_way *);
/* The caller's registers at the ret that the way has led to, from those where it began.
 * read: a word of the stack. False: it could not be read. */
bool arch_way_out(const struct arch_way *, const struct arch_frame *from,
                  bool (*read)(void *ctx, taddr_t, uint64_t *), void *ctx,
                  struct arch_frame *caller);
/* The same, of what a signal has interrupted, from where its handler returns to. */
bool arch_interrupted(const struct arch_frame *from,
                      bool (*read)(void *ctx, taddr_t, uint64_t *), void *ctx,
                      struct arch_frame *interrupted);

/* ---- emulate ------------------------------------------------------------ */

struct arch_mem { /* both return 0 or a negative errno, whole or nothing */
	int (*read)(void *ctx, taddr_t addr, void *buf, size_t len);
	int (*write)(void *ctx, taddr_t addr, const void *buf, size_t len);
	void *ctx;
};

/* Does insn, which stands at the pc in regs, and moves pc on. 0, -EFAULT when
 * memory could not be reached or -ENOSYS when op is unknown; regs and memory
 * are then unchanged. */
int arch_emulate(const struct insn *, struct arch_regs *regs, const struct arch_mem *);

#endif
