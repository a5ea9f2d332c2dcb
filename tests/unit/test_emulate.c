/* arch_emulate against the processor.
 *
 * A child is stopped under ptrace and shares two mappings with this process: a
 * code page and a data window, both at fixed low addresses so that every
 * addressing form can reach them. For each case an instruction is encoded from
 * a table of forms, its bytes are put on the code page, all registers and
 * flags are set at random (those that form addresses are then solved for, so
 * that the operand falls into the window), and the child takes one step. The
 * same bytes go through decoder_decode and arch_emulate over a copy of the
 * registers and of the window. All registers, all of eflags and every byte of
 * the window must agree. What decode says of the instruction (length, flow,
 * target, registers written, stack pointer) is held against the step as well.
 *
 * EMULATE_CASES in the environment sets the number of cases. */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "arch.h"
#include "arch_insn.h"

#ifndef EMULATE_CASES
#define EMULATE_CASES 200000
#endif

enum {
	SEED = 20240229,
	CODE = 0x10000000,
	DATA = 0x20000000,
	NOWHERE = 0x30000000, /* nothing is mapped here */
	CODE_SIZE = 4096,
	DATA_SIZE = 8192,
	MARGIN = 2048, /* operands keep away from the window's ends */
	ARITHMETIC_AF = 0x10,
	ARITHMETIC_OF = 0x800,
	ARITHMETIC_FLAGS = 0x8d5,
	DIRECTION_FLAG = 0x400,
	RESUME_FLAG = 0x10000
};

/* ---- random numbers (xorshift64*) --------------------------------------- */

static uint64_t random_state = SEED;

static uint64_t rnd(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * UINT64_C(0x2545f4914f6cdd1d);
}

static uint64_t below(uint64_t limit) { return (rnd() >> 11) % limit; }
static bool one_in(unsigned n) { return below(n) == 0; }
static int64_t around_zero(int64_t limit) { return (int64_t)below(2 * limit) - limit; }

/* Often a value at whose edge flags change. */
static uint64_t interesting(void)
{
	uint64_t edge = UINT64_C(1) << ((8 << below(4)) - 1 - below(2));

	switch (below(8)) {
	case 0: return edge + below(3) - 1;
	case 1: return -edge + below(3) - 1;
	case 2: return 2 * edge - below(2);
	case 3: return below(3) - 1;
	default: return rnd();
	}
}

/* ---- the forms ---------------------------------------------------------- */

enum { /* operand widths a form has; none: 64 bits whatever the prefixes */
	B = 1, /* 8 bits, by opcode */
	V = 2 | 4 | 8,
	D = 4 | 8
};

enum immediate { NO_IMM, IB, IW, IZ, IV, COUNT, MOFFS, REL8, REL32 };

enum { NO_MODRM = -2, ANY = -1 }; /* form.digit, or /0 to /7 */

enum {
	ESCAPE = 1,    /* 0f comes first */
	REG_ONLY = 2,  /* the r/m operand is a register */
	MEM_ONLY = 4,
	PLUS_REG = 8,  /* the opcode's low bits are a register */
	PLUS_CC = 16,  /* ... are a condition */
	STACK = 32,
	TARGET = 64,   /* the operand is a code address */
	BRANCH = 128   /* takes no operand-size prefix; takes bnd */
};

struct form {
	const char *name;
	uint8_t opcode, widths;
	int8_t digit;
	uint8_t imm;
	uint8_t flags;
};

#define ALU(name, n)                                                                      \
	{ name, n * 8 + 0, B, ANY, NO_IMM, 0 }, { name, n * 8 + 1, V, ANY, NO_IMM, 0 },   \
	{ name, n * 8 + 2, B, ANY, NO_IMM, 0 }, { name, n * 8 + 3, V, ANY, NO_IMM, 0 },   \
	{ name, n * 8 + 4, B, NO_MODRM, IB, 0 }, { name, n * 8 + 5, V, NO_MODRM, IZ, 0 }, \
	{ name, 0x80, B, n, IB, 0 }, { name, 0x81, V, n, IZ, 0 }, { name, 0x83, V, n, IB, 0 }

#define SHIFT(name, n)                                                                    \
	{ name, 0xc0, B, n, COUNT, 0 }, { name, 0xc1, V, n, COUNT, 0 },                   \
	{ name, 0xd0, B, n, NO_IMM, 0 }, { name, 0xd1, V, n, NO_IMM, 0 }

#define UNARY(name, op, n) { name, op, B, n, NO_IMM, 0 }, { name, op + 1, V, n, NO_IMM, 0 }

static const struct form forms[] = {
	ALU("add", 0), ALU("or", 1), ALU("adc", 2), ALU("sbb", 3),
	ALU("and", 4), ALU("sub", 5), ALU("xor", 6), ALU("cmp", 7),
	SHIFT("shl", 4), SHIFT("shr", 5), SHIFT("sal", 6), SHIFT("sar", 7),
	UNARY("inc", 0xfe, 0), UNARY("dec", 0xfe, 1), UNARY("not", 0xf6, 2), UNARY("neg", 0xf6, 3),
	{ "test", 0x84, B, ANY, NO_IMM, 0 }, { "test", 0x85, V, ANY, NO_IMM, 0 },
	{ "test", 0xa8, B, NO_MODRM, IB, 0 }, { "test", 0xa9, V, NO_MODRM, IZ, 0 },
	{ "test", 0xf6, B, 0, IB, 0 }, { "test", 0xf7, V, 0, IZ, 0 },

	{ "mov", 0x88, B, ANY, NO_IMM, 0 }, { "mov", 0x89, V, ANY, NO_IMM, 0 },
	{ "mov", 0x8a, B, ANY, NO_IMM, 0 }, { "mov", 0x8b, V, ANY, NO_IMM, 0 },
	{ "mov", 0xc6, B, 0, IB, 0 }, { "mov", 0xc7, V, 0, IZ, 0 },
	{ "mov", 0xb0, B, NO_MODRM, IB, PLUS_REG }, { "mov", 0xb8, V, NO_MODRM, IV, PLUS_REG },
	{ "movabs", 0xa0, B, NO_MODRM, MOFFS, 0 }, { "movabs", 0xa1, V, NO_MODRM, MOFFS, 0 },
	{ "movabs", 0xa2, B, NO_MODRM, MOFFS, 0 }, { "movabs", 0xa3, V, NO_MODRM, MOFFS, 0 },
	{ "movzx", 0xb6, V, ANY, NO_IMM, ESCAPE }, { "movzx", 0xb7, V, ANY, NO_IMM, ESCAPE },
	{ "movsx", 0xbe, V, ANY, NO_IMM, ESCAPE }, { "movsx", 0xbf, V, ANY, NO_IMM, ESCAPE },
	{ "movsxd", 0x63, D, ANY, NO_IMM, 0 },
	{ "lea", 0x8d, V, ANY, NO_IMM, MEM_ONLY },
	{ "xchg", 0x86, B, ANY, NO_IMM, REG_ONLY }, { "xchg", 0x87, V, ANY, NO_IMM, REG_ONLY },
	{ "xchg", 0x90, V, NO_MODRM, NO_IMM, PLUS_REG },
	{ "cmovcc", 0x40, V, ANY, NO_IMM, ESCAPE | PLUS_CC },
	{ "setcc", 0x90, B, 0, NO_IMM, ESCAPE | PLUS_CC },
	{ "cbw cwde cdqe", 0x98, V, NO_MODRM, NO_IMM, 0 },
	{ "cwd cdq cqo", 0x99, V, NO_MODRM, NO_IMM, 0 },
	{ "nop", 0x1f, V, 0, NO_IMM, ESCAPE | MEM_ONLY },

	{ "push", 0x50, 0, NO_MODRM, NO_IMM, PLUS_REG | STACK },
	{ "push", 0x68, 0, NO_MODRM, IZ, STACK }, { "push", 0x6a, 0, NO_MODRM, IB, STACK },
	{ "push", 0xff, 0, 6, NO_IMM, STACK },
	{ "pop", 0x58, 0, NO_MODRM, NO_IMM, PLUS_REG | STACK },
	{ "pop", 0x8f, 0, 0, NO_IMM, STACK },
	{ "leave", 0xc9, 0, NO_MODRM, NO_IMM, STACK },
	{ "jmp", 0xeb, 0, NO_MODRM, REL8, BRANCH }, { "jmp", 0xe9, 0, NO_MODRM, REL32, BRANCH },
	{ "jmp", 0xff, 0, 4, NO_IMM, TARGET | BRANCH },
	{ "jcc", 0x70, 0, NO_MODRM, REL8, PLUS_CC | BRANCH },
	{ "jcc", 0x80, 0, NO_MODRM, REL32, ESCAPE | PLUS_CC | BRANCH },
	{ "call", 0xe8, 0, NO_MODRM, REL32, STACK | BRANCH },
	{ "call", 0xff, 0, 2, NO_IMM, STACK | TARGET | BRANCH },
	{ "ret", 0xc3, 0, NO_MODRM, NO_IMM, STACK | TARGET | BRANCH },
	{ "ret", 0xc2, 0, NO_MODRM, IW, STACK | TARGET | BRANCH },
};

static const struct { uint8_t len, bytes[11]; } fixed[] = {
	{ 4, { 0xf3, 0x0f, 0x1e, 0xfa } },             /* endbr64 */
	{ 2, { 0xf3, 0x90 } },                         /* pause */
	{ 1, { 0x90 } }, { 2, { 0x66, 0x90 } }, { 2, { 0x48, 0x90 } },
	{ 10, { 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00 } },
	{ 11, { 0x66, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00 } },
};

/* ---- one case: bytes and the state they meet ---------------------------- */

enum place { /* of the r/m operand */
	IN_REG, BASE, BASE_DISP8, BASE_DISP32, SIB, SIB_DISP8, SIB_DISP32, INDEX_DISP32,
	RIP_DISP32, ABSOLUTE, FS_ABSOLUTE, GS_BASE_DISP8, PLACES
};

struct trial {
	const struct form *form;
	struct arch_regs regs;
	uint8_t code[32];
	unsigned len;
	unsigned width;       /* of the operand, in bytes */
	enum place place;
	unsigned reg, rm;     /* numbers in the encoding */
	int base, index;      /* registers, or -1 */
	unsigned scale_bits;
	taddr_t operand;      /* linear address of the memory operand, 0: none */
	unsigned rip_disp_at; /* where in code a displacement from rip waits for len */
};

struct bed { /* where trials run */
	pid_t pid;
	uint8_t *code, *data; /* shared with the child */
	uint8_t image[DATA_SIZE];
	struct arch_regs still; /* segment selectors and the like, as they are */
	struct decoder *decoder;
	unsigned long covered[INSN_COUNT], cases, faults;
};

static void put(struct trial *t, uint64_t value, unsigned bytes)
{
	memcpy(t->code + t->len, &value, bytes);
	t->len += bytes;
}

static void set(struct trial *t, unsigned reg, uint64_t value)
{
	*arch_reg(&t->regs, reg) = value;
}

static uint64_t get(struct trial *t, unsigned reg) { return *arch_reg(&t->regs, reg); }

static bool in_memory(const struct trial *t)
{
	return t->form->digit != NO_MODRM && t->place != IN_REG;
}

/* The n-th case of a form goes through all places, then widths, then
 * registers, and the rest is left to chance. */
static void choose(struct trial *t, unsigned long n)
{
	static const uint8_t widths[] = { 1, 2, 4, 8 };
	unsigned kinds = __builtin_popcount(t->form->widths), nth;

	t->place = n % PLACES;
	n /= PLACES;
	if (t->form->flags & REG_ONLY)
		t->place = IN_REG;
	if (t->form->flags & MEM_ONLY && t->place == IN_REG)
		t->place = BASE;
	t->width = 8;
	if (kinds) {
		nth = n % kinds;
		n /= kinds;
		for (unsigned i = 0; i < countof(widths); i++)
			if (t->form->widths & widths[i] && nth-- == 0)
				t->width = widths[i];
	}
	t->reg = n % ARCH_REGS;
	t->rm = (n / ARCH_REGS + below(ARCH_REGS)) % ARCH_REGS;
}

static void choose_address(struct trial *t)
{
	t->base = t->index = -1;
	if (!in_memory(t))
		return;
	if (t->place != INDEX_DISP32 && t->place != RIP_DISP32 && t->place != ABSOLUTE &&
	    t->place != FS_ABSOLUTE)
		t->base = (int)t->rm;
	if (t->place >= SIB && t->place <= INDEX_DISP32)
		do
			t->index = (int)below(ARCH_REGS);
		while (t->index == ARCH_RSP);
	t->scale_bits = (unsigned)below(4);
}

static void choose_registers(struct trial *t, const struct bed *bed)
{
	t->regs = bed->still;
	for (unsigned i = 0; i < ARCH_REGS; i++)
		set(t, i, interesting());
	t->regs.rip = CODE + below(CODE_SIZE - 32);
	t->regs.eflags = 0x202 | (rnd() & (ARITHMETIC_FLAGS | DIRECTION_FLAG));
	t->regs.fs_base = DATA + below(DATA_SIZE);
	t->regs.gs_base = below(t->form->flags & STACK ? 64 : DATA); /* rsp + it stays inside */
}

/* ---- encoding ----------------------------------------------------------- */

static uint8_t rex_bits(const struct trial *t)
{
	unsigned rm = t->rm, index = 0;
	bool modrm = t->form->digit != NO_MODRM;

	if (in_memory(t)) {
		rm = t->base < 0 ? 0 : (unsigned)t->base;
		index = t->index < 0 ? 0 : (unsigned)t->index;
	} else if (t->form->flags & PLUS_REG) {
		rm = t->reg;
	} else if (!modrm) {
		rm = 0;
	}
	return (uint8_t)((t->width == 8 && t->form->widths ? 8 : 0) |
	                 (t->form->digit == ANY && t->reg >= 8 ? 4 : 0) | (index >= 8 ? 2 : 0) |
	                 (rm >= 8 ? 1 : 0));
}

static void put_segment_prefix(struct trial *t)
{
	static const uint8_t null_segments[] = { 0x26, 0x2e, 0x36, 0x3e };
	bool memory = in_memory(t) || t->form->imm == MOFFS;

	if (memory && t->place == FS_ABSOLUTE)
		put(t, 0x64, 1);
	else if (memory && t->place == GS_BASE_DISP8)
		put(t, 0x65, 1);
	else if (one_in(16))
		put(t, null_segments[below(countof(null_segments))], 1);
}

static void put_operand_size_prefix(struct trial *t, uint8_t rex)
{
	bool redundant = rex & 8 || t->width == 1;

	if (t->form->flags & STACK && !(t->form->flags & BRANCH))
		redundant = false; /* refused */
	if (t->form->opcode == 0xc2)
		redundant = false; /* capstone 4 does not know it */
	if (t->width == 2 || (redundant && one_in(8)))
		put(t, 0x66, 1);
}

/* Now and then prefixes that change nothing, in any order (but capstone 4 does
 * not see the width of a short xchg when another one follows 66). */
static void put_prefixes(struct trial *t)
{
	bool segment_first = t->form->opcode == 0x90 || one_in(2);
	uint8_t rex = rex_bits(t);

	if (!t->form->widths && one_in(8))
		rex |= 8;
	if (t->form->flags & BRANCH && one_in(8))
		put(t, 0xf2, 1);
	else if (t->form->opcode == 0xc3 && one_in(4))
		put(t, 0xf3, 1);
	if (segment_first)
		put_segment_prefix(t);
	put_operand_size_prefix(t, rex);
	if (!segment_first)
		put_segment_prefix(t);
	if (rex || one_in(4))
		put(t, 0x40 | rex, 1);
}

static taddr_t segment_base(const struct trial *t)
{
	if (t->place == FS_ABSOLUTE)
		return t->regs.fs_base;
	return t->place == GS_BASE_DISP8 ? t->regs.gs_base : 0;
}

/* Chooses register values such that base + index * scale + disp == want,
 * nearly so where one register is both. Returns disp. */
static int64_t solve(struct trial *t, taddr_t want, int64_t disp)
{
	uint64_t scale = t->index < 0 ? 0 : UINT64_C(1) << t->scale_bits;
	uint64_t index = t->form->flags & STACK ? below(16) : interesting();

	if (t->base < 0 && t->index < 0)
		return (int64_t)want;
	if (t->base < 0) {
		index = (uint64_t)around_zero(1 << 20);
		set(t, (unsigned)t->index, index);
		return (int64_t)(want - index * scale);
	}
	if (t->base == t->index) {
		set(t, (unsigned)t->base, (want - (uint64_t)disp) / (1 + scale));
		return disp;
	}
	if (t->index >= 0)
		set(t, (unsigned)t->index, index);
	set(t, (unsigned)t->base, want - (uint64_t)disp - index * scale);
	return disp;
}

static void put_address(struct trial *t, unsigned digit, taddr_t want)
{
	unsigned low = t->base < 0 ? 5 : t->base & 7;
	unsigned disp_bytes = t->base < 0 ? 4 : 0, mod = 0;
	bool sib = t->base < 0 || t->index >= 0 || low == ARCH_RSP;
	int64_t disp = 0;

	if (t->place == RIP_DISP32) {
		put(t, digit << 3 | 5, 1);
		t->rip_disp_at = t->len;
		put(t, want, 4);
		t->operand = want;
		return;
	}
	if (t->place == BASE_DISP8 || t->place == SIB_DISP8 || t->place == GS_BASE_DISP8 ||
	    (t->base >= 0 && low == ARCH_RBP)) {
		mod = disp_bytes = 1;
		disp = around_zero(128);
	}
	if (t->place == BASE_DISP32 || t->place == SIB_DISP32) {
		mod = 2;
		disp_bytes = 4;
		disp = around_zero(t->form->flags & STACK ? 1000 : 1 << 27);
	}
	disp = solve(t, want - segment_base(t), disp);
	put(t, mod << 6 | digit << 3 | (sib ? 4 : low), 1);
	if (sib)
		put(t, t->scale_bits << 6 | (t->index < 0 ? 4 : t->index & 7) << 3 | low, 1);
	put(t, (uint64_t)disp, disp_bytes);
	t->operand = segment_base(t) + (uint64_t)disp;
	if (t->base >= 0)
		t->operand += get(t, (unsigned)t->base);
	if (t->index >= 0)
		t->operand += get(t, (unsigned)t->index) << t->scale_bits;
}

static void put_immediate(struct trial *t, taddr_t want)
{
	unsigned bits = t->width * 8, wraps = bits == 64 ? 64 : 32;

	switch (t->form->imm) {
	case IB: put(t, interesting(), 1); break;
	case IW: put(t, interesting(), 2); break;
	case IZ: put(t, interesting(), t->width == 2 ? 2 : 4); break;
	case IV: put(t, interesting(), t->width); break;
	case COUNT: put(t, (below(4) * wraps) | below(bits), 1); break;
	case MOFFS:
		t->operand = want;
		put(t, want - segment_base(t), 8);
		break;
	case REL8: put(t, rnd(), 1); break;
	case REL32: put(t, (uint64_t)around_zero(CODE), 4); break;
	}
}

/* near: where its memory operand shall be; stack: where rsp (and rbp, which
 * leave takes for rsp). */
static void encode(struct trial *t, taddr_t near, taddr_t stack)
{
	const struct form *form = t->form;
	unsigned opcode = form->opcode;

	if (form->flags & STACK) {
		t->regs.rsp = stack;
		t->regs.rbp = stack + below(64);
	}
	put_prefixes(t);
	if (form->flags & ESCAPE)
		put(t, 0x0f, 1);
	if (form->flags & PLUS_REG)
		opcode |= t->reg & 7;
	if (form->flags & PLUS_CC)
		opcode |= below(16);
	put(t, opcode, 1);
	if (form->digit != NO_MODRM) {
		unsigned digit = form->digit == ANY ? t->reg & 7 : (unsigned)form->digit;

		if (in_memory(t))
			put_address(t, digit, near);
		else
			put(t, 0xc0 | digit << 3 | (t->rm & 7), 1);
	}
	put_immediate(t, near);
	if (t->rip_disp_at) {
		uint32_t disp = (uint32_t)(t->operand - t->regs.rip - t->len);

		memcpy(t->code + t->rip_disp_at, &disp, sizeof(disp));
	}
}

/* Code addresses in the operand, so that the step can end where it leads. */
static void put_target(struct trial *t, struct bed *bed)
{
	uint64_t target = below(UINT64_C(1) << 47);
	taddr_t at = t->form->digit == NO_MODRM ? t->regs.rsp : t->operand;

	if (!at)
		set(t, t->rm, t->rm == ARCH_RSP && t->form->flags & STACK ? t->regs.rsp : target);
	else if (at >= DATA && at <= DATA + DATA_SIZE - sizeof(target))
		memcpy(bed->data + (at - DATA), &target, sizeof(target));
}

static void put_data(struct trial *t, struct bed *bed)
{
	uint64_t value = interesting();

	if (t->operand >= DATA && t->operand <= DATA + DATA_SIZE - sizeof(value))
		memcpy(bed->data + (t->operand - DATA), &value, sizeof(value));
	if (t->form->flags & TARGET)
		put_target(t, bed);
}

/* ---- running a case both ways ------------------------------------------- */

static uint8_t *window(struct bed *bed, taddr_t addr, size_t len)
{
	if (addr < DATA || addr > DATA + DATA_SIZE - len)
		return NULL;
	return bed->image + (addr - DATA);
}

static int window_read(void *ctx, taddr_t addr, void *buf, size_t len)
{
	uint8_t *at = window(ctx, addr, len);

	if (at)
		memcpy(buf, at, len);
	return at ? 0 : -EIO;
}

static int window_write(void *ctx, taddr_t addr, const void *buf, size_t len)
{
	uint8_t *at = window(ctx, addr, len);

	if (at)
		memcpy(at, buf, len);
	return at ? 0 : -EIO;
}

/* The signal the step ended with. */
static int step(struct bed *bed, struct arch_regs *regs)
{
	int status;

	assert_int_equal(ptrace(PTRACE_SETREGS, bed->pid, 0, regs), 0);
	assert_int_equal(ptrace(PTRACE_SINGLESTEP, bed->pid, 0, 0), 0);
	assert_int_equal(waitpid(bed->pid, &status, 0), bed->pid);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(ptrace(PTRACE_GETREGS, bed->pid, 0, regs), 0);
	return WSTOPSIG(status);
}

static void explain(const struct trial *t, const char *what, const struct arch_regs *expected,
                    const struct arch_regs *actual)
{
	const uint64_t *before = (const uint64_t *)&t->regs;
	const uint64_t *ours = (const uint64_t *)expected, *its = (const uint64_t *)actual;

	print_error("%s: %s, place %d, width %u:", t->form->name, what, t->place, t->width);
	for (unsigned i = 0; i < t->len; i++)
		print_error(" %02x", t->code[i]);
	print_error("\n");
	for (unsigned i = 0; i < sizeof(*expected) / 8; i++)
		if (ours[i] != its[i])
			print_error("  word %u: before %#lx, emulated %#lx, processor %#lx\n", i,
			            before[i], ours[i], its[i]);
	fail();
}

static const char *misdescribed(const struct trial *t, const struct decoded *d,
                                const struct arch_regs *after)
{
	struct arch_regs before = t->regs, now = *after;
	uint64_t next = before.rip + d->len;
	bool call = d->flow == FLOW_CALL;

	for (unsigned i = 0; i < ARCH_REGS; i++)
		if (*arch_reg(&before, i) != *arch_reg(&now, i) && !(d->writes & 1u << i) &&
		    !(call && i == ARCH_RSP))
			return "wrote more than decoded.writes";
	if (!call && d->moves_sp != !!(d->writes & 1u << ARCH_RSP))
		return "decoded.moves_sp";
	if (d->sp_known && now.rsp - before.rsp != (uint64_t)(int64_t)d->sp_delta)
		return "decoded.sp_delta";
	if (d->slot && d->slot != t->operand)
		return "decoded.slot";
	if (d->flow == FLOW_NEXT)
		return now.rip == next ? NULL : "decoded.flow";
	if (d->flow == FLOW_BRANCH && now.rip == next)
		return NULL;
	return d->target && now.rip != d->target ? "decoded.target" : NULL;
}

/* What the SDM leaves undefined emulate.c does as AMD's processors do. */
static void forgive_undefined_flags(const struct decoded *d, struct arch_regs *actual,
                                    const struct arch_regs *expected)
{
	uint64_t undefined = ARITHMETIC_AF | (d->insn.src.value > 1 ? ARITHMETIC_OF : 0);

	if (__builtin_cpu_is("amd") || d->insn.op < INSN_SHL || d->insn.op > INSN_SAR)
		return;
	actual->eflags = (actual->eflags & ~undefined) | (expected->eflags & undefined);
}

static void compare(struct bed *bed, struct trial *t)
{
	const struct arch_mem mem = { window_read, window_write, bed };
	struct arch_regs expected = t->regs, actual = t->regs;
	struct decoded d;
	const char *wrong;
	int err, signal;

	if (decoder_decode(bed->decoder, t->code, t->len, t->regs.rip, &d) || d.refuse ||
	    d.len != t->len)
		explain(t, d.refuse ? d.refuse : "did not decode", &expected, &actual);
	memcpy(bed->image, bed->data, DATA_SIZE);
	memcpy(bed->code + (t->regs.rip - CODE), t->code, t->len);
	err = arch_emulate(&d.insn, &expected, &mem);
	signal = step(bed, &actual);
	if (signal != SIGTRAP)
		actual.eflags &= ~(uint64_t)RESUME_FLAG;
	forgive_undefined_flags(&d, &actual, &expected);
	if ((err == -EFAULT) != (signal == SIGSEGV || signal == SIGBUS) || (err && err != -EFAULT))
		explain(t, "only one of the two faulted", &expected, &actual);
	if (memcmp(&expected, &actual, sizeof(actual)))
		explain(t, "registers differ", &expected, &actual);
	if (memcmp(bed->image, bed->data, DATA_SIZE))
		explain(t, "memory differs", &expected, &actual);
	if (err && memcmp(&expected, &t->regs, sizeof(expected)))
		explain(t, "a fault changed registers", &expected, &actual);
	wrong = err ? NULL : misdescribed(t, &d, &actual);
	if (wrong)
		explain(t, wrong, &expected, &actual);
	bed->covered[d.insn.op]++;
	bed->cases++;
	bed->faults += err != 0;
}

/* ---- tests -------------------------------------------------------------- */

static taddr_t somewhere_mapped(void) { return DATA + MARGIN + below(DATA_SIZE - 2 * MARGIN); }

static taddr_t somewhere(void)
{
	switch (below(4)) {
	case 0: return NOWHERE + below(4096);
	case 1: return DATA + DATA_SIZE - below(10); /* an access may cross the end */
	default: return somewhere_mapped();
	}
}

static void run_form(struct bed *bed, const struct form *form, unsigned long n,
                     taddr_t (*place)(void))
{
	struct trial t = { .form = form };
	taddr_t near = place(), stack = place();

	choose(&t, n);
	choose_address(&t);
	choose_registers(&t, bed);
	encode(&t, near, stack);
	put_data(&t, bed);
	compare(bed, &t);
}

static void run_fixed(struct bed *bed, unsigned i)
{
	static const struct form form = { .name = "fixed", .digit = NO_MODRM };
	struct trial t = { .form = &form };

	choose_registers(&t, bed);
	t.len = fixed[i].len;
	memcpy(t.code, fixed[i].bytes, t.len);
	compare(bed, &t);
}

static unsigned long cases_wanted(void)
{
	const char *override = getenv("EMULATE_CASES");

	return override ? strtoul(override, NULL, 0) : EMULATE_CASES;
}

static void test_same_as_processor(void **state)
{
	struct bed *bed = *state;
	unsigned long rounds = cases_wanted() / (countof(forms) + countof(fixed)) + 1;

	for (unsigned long n = 0; n < rounds; n++) {
		for (unsigned i = 0; i < countof(forms); i++)
			run_form(bed, &forms[i], n, somewhere_mapped);
		for (unsigned i = 0; i < countof(fixed); i++)
			run_fixed(bed, i);
	}
	assert_int_equal(bed->faults, 0);
}

static void test_faults_change_nothing(void **state)
{
	struct bed *bed = *state;
	unsigned long rounds = cases_wanted() / (countof(forms) * 10) + 1;

	for (unsigned long n = 0; n < rounds; n++)
		for (unsigned i = 0; i < countof(forms); i++)
			run_form(bed, &forms[i], n, somewhere);
	assert_true(bed->faults > 0);
}

/* Runs last. */
static void test_everything_was_covered(void **state)
{
#define NAME(name) [INSN_##name] = #name,
	static const char *const names[INSN_COUNT] = { INSN_OPS(NAME) };
#undef NAME
	struct bed *bed = *state;

	print_message("seed %d: %lu cases, %lu of them faults, of %zu forms\n", SEED, bed->cases,
	              bed->faults, countof(forms) + countof(fixed));
	for (unsigned op = INSN_NONE + 1; op < INSN_COUNT; op++)
		print_message("%s%s %lu", op % 8 == 1 ? "\n  " : ", ", names[op], bed->covered[op]);
	print_message("\n");
	if (cases_wanted() < 100000)
		return;
	assert_true(bed->cases >= 100000);
	for (unsigned op = INSN_NONE + 1; op < INSN_COUNT; op++)
		assert_true(bed->covered[op] >= 300);
}

static void test_unknown_operation(void **state)
{
	const struct arch_mem mem = { window_read, window_write, *state };
	struct arch_regs regs = { .rip = 1, .rax = 2 }, before = regs;

	for (unsigned op = 0; op < 256; op++) {
		struct insn insn = { .op = (uint8_t)op };

		if (op == INSN_NONE || op >= INSN_COUNT)
			assert_int_equal(arch_emulate(&insn, &regs, &mem), -ENOSYS);
	}
	assert_memory_equal(&regs, &before, sizeof(regs));
}

/* ---- the child ---------------------------------------------------------- */

static void *map(int fd, taddr_t at, size_t size, int prot, off_t offset)
{
	void *hint = (void *)(uintptr_t)at;
	void *p = mmap(hint, size, prot, MAP_SHARED | (at ? MAP_FIXED_NOREPLACE : 0), fd, offset);

	return p == MAP_FAILED ? NULL : p;
}

static void child(int fd)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!map(fd, CODE, CODE_SIZE, PROT_READ | PROT_EXEC, 0) ||
	    !map(fd, DATA, DATA_SIZE, PROT_READ | PROT_WRITE, CODE_SIZE) ||
	    ptrace(PTRACE_TRACEME, 0, 0, 0))
		_exit(1);
	raise(SIGSTOP);
	_exit(1);
}

/* On one processor a step costs a fifth of what it costs across two. */
static void stay_on_this_cpu(void)
{
	cpu_set_t set;
	int cpu = sched_getcpu();

	CPU_ZERO(&set);
	CPU_SET(cpu < 0 ? 0 : (unsigned)cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static int set_up(void **state)
{
	struct bed *bed = calloc(1, sizeof(*bed));
	int fd = memfd_create("bed", MFD_CLOEXEC), status;

	_Static_assert(sizeof(struct arch_regs) == sizeof(struct user_regs_struct), "same layout");
	stay_on_this_cpu();
	if (!bed || fd < 0 || ftruncate(fd, CODE_SIZE + DATA_SIZE))
		return -1;
	bed->code = map(fd, 0, CODE_SIZE, PROT_READ | PROT_WRITE, 0);
	bed->data = map(fd, 0, DATA_SIZE, PROT_READ | PROT_WRITE, CODE_SIZE);
	bed->decoder = decoder_new();
	bed->pid = fork();
	if (bed->pid == 0)
		child(fd);
	close(fd);
	if (!bed->code || !bed->data || !bed->decoder || bed->pid < 0 ||
	    waitpid(bed->pid, &status, 0) < 0 || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_GETREGS, bed->pid, 0, &bed->still))
		return -1;
	bed->still.orig_rax = ~UINT64_C(0); /* no system call to restart */
	for (unsigned i = 0; i < DATA_SIZE; i++)
		bed->data[i] = (uint8_t)rnd();
	*state = bed;
	return 0;
}

static int tear_down(void **state)
{
	struct bed *bed = *state;

	kill(bed->pid, SIGKILL);
	waitpid(bed->pid, NULL, 0);
	munmap(bed->code, CODE_SIZE);
	munmap(bed->data, DATA_SIZE);
	decoder_free(bed->decoder);
	free(bed);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_as_processor),
		cmocka_unit_test(test_faults_change_nothing),
		cmocka_unit_test(test_unknown_operation),
		cmocka_unit_test(test_everything_was_covered),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
