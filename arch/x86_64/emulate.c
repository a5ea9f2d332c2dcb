/* Emulation: what one displaced instruction would have done.
 *
 * A thread that hit a trap must go on as if the instruction under the trap
 * byte had run. Stepping it in place would need the byte lifted while other
 * threads run past it; doing its work here on the saved registers does not.
 *
 * The law is all or nothing. Each operation works on a copy of the registers
 * and may read memory as it likes, but what it writes to memory (no x86
 * instruction accepted here writes more than one place) is only noted. When
 * the operation is through, the note is written, and when that succeeded the
 * copy becomes the registers. So a fault leaves nothing half done, and the
 * thread can meet the same fault by itself.
 *
 * Exactness is about three things:
 *
 *   width   a 32-bit result clears the upper half of its register, 8 and 16
 *           bit results keep the rest (SDM vol. 1, 3.4.1.1); immediates and
 *           displacements come sign-extended.
 *   flags   only CF PF AF ZF SF OF are touched: TF and RF belong to the kernel.
 *           Where the SDM leaves a flag undefined a processor still does one
 *           thing: logic clears AF, OF of a shift by more than one is that of
 *           its last step, and AF of a shift is set by AMD's (Zen 5), which
 *           is what is done here. The differential test compares them too.
 *   order   push takes its operand before rsp moves, pop puts it down after;
 *           call reads its target before it pushes.
 *
 * What cannot be done so (atomics, vectors, faults that are not memory) has
 * been refused by decode.c and never comes here. */
#include <errno.h>

#include "arch.h"
#include "arch_insn.h"

enum {
	CF = 1 << 0,
	PF = 1 << 2,
	AF = 1 << 4,
	ZF = 1 << 6,
	SF = 1 << 7,
	OF = 1 << 11,
	ALL_FLAGS = CF | PF | AF | ZF | SF | OF
};

struct cpu {
	const struct insn *insn;
	const struct arch_mem *mem;
	struct arch_regs regs; /* becomes the thread's when all went well */
	taddr_t store_addr;
	uint64_t store_value;
	uint8_t store_width; /* 0: nothing to write */
};

/* ---- operands ----------------------------------------------------------- */

static unsigned top_bit(unsigned width) { return width * 8 - 1; }

static uint64_t zero_extend(uint64_t value, unsigned width)
{
	return value & (~UINT64_C(0) >> (63 - top_bit(width)));
}

static uint64_t sign_extend(uint64_t value, unsigned width)
{
	uint64_t sign = UINT64_C(1) << top_bit(width);

	return (zero_extend(value, width) ^ sign) - sign;
}

static taddr_t effective_address(struct cpu *cpu, const struct operand *mem)
{
	taddr_t address = (taddr_t)mem->value;

	if (mem->reg != ARCH_NO_REG)
		address += *arch_reg(&cpu->regs, mem->reg);
	if (mem->index != ARCH_NO_REG)
		address += *arch_reg(&cpu->regs, mem->index) * mem->scale;
	return address;
}

static taddr_t linear_address(struct cpu *cpu, const struct operand *mem)
{
	taddr_t address = effective_address(cpu, mem);

	if (mem->segment == SEGMENT_FS)
		address += cpu->regs.fs_base;
	else if (mem->segment == SEGMENT_GS)
		address += cpu->regs.gs_base;
	return address;
}

static int read_memory(struct cpu *cpu, taddr_t address, unsigned width, uint64_t *value)
{
	*value = 0;
	return cpu->mem->read(cpu->mem->ctx, address, value, width) ? -EFAULT : 0;
}

static void write_memory(struct cpu *cpu, taddr_t address, unsigned width, uint64_t value)
{
	cpu->store_addr = address;
	cpu->store_value = value;
	cpu->store_width = (uint8_t)width;
}

/* An operand that is not there reads as 0. */
static int load(struct cpu *cpu, const struct operand *from, uint64_t *value)
{
	*value = 0;
	switch (from->kind) {
	case OPERAND_REG:
		*value = *arch_reg(&cpu->regs, from->reg) >> (from->high ? 8 : 0);
		break;
	case OPERAND_IMM:
		*value = (uint64_t)from->value;
		break;
	case OPERAND_MEM:
		return read_memory(cpu, linear_address(cpu, from), from->width, value);
	default:
		return 0;
	}
	*value = zero_extend(*value, from->width);
	return 0;
}

static int load_both(struct cpu *cpu, uint64_t *dst, uint64_t *src)
{
	int err = load(cpu, &cpu->insn->src, src);

	return err ? err : load(cpu, &cpu->insn->dst, dst);
}

static void store_register(struct cpu *cpu, const struct operand *to, uint64_t value)
{
	uint64_t *reg = arch_reg(&cpu->regs, to->reg);
	unsigned shift = to->high ? 8 : 0;
	uint64_t part = zero_extend(~UINT64_C(0), to->width) << shift;

	if (to->width == 4)
		*reg = 0;
	*reg = (*reg & ~part) | (value << shift & part);
}

static void store(struct cpu *cpu, const struct operand *to, uint64_t value)
{
	if (to->kind == OPERAND_MEM)
		write_memory(cpu, linear_address(cpu, to), to->width, value);
	else
		store_register(cpu, to, value);
}

/* ---- flags -------------------------------------------------------------- */

static void set_flags(struct cpu *cpu, unsigned which, unsigned value)
{
	cpu->regs.eflags = (cpu->regs.eflags & ~(uint64_t)which) | (value & which);
}

static unsigned result_flags(uint64_t result, unsigned width)
{
	unsigned flags = 0;

	if (!(__builtin_popcount(result & 0xff) & 1))
		flags |= PF;
	if (!zero_extend(result, width))
		flags |= ZF;
	if (result >> top_bit(width) & 1)
		flags |= SF;
	return flags;
}

/* Bit n of carries is the carry (or borrow) out of bit n of the sum. */
static unsigned carry_flags(uint64_t carries, unsigned width)
{
	unsigned out = carries >> top_bit(width) & 1;
	unsigned in = carries >> (top_bit(width) - 1) & 1;

	return (out ? CF : 0) | (carries & 8 ? AF : 0) | (out != in ? OF : 0);
}

static bool condition_holds(uint64_t flags, unsigned cond)
{
	bool less = !(flags & SF) != !(flags & OF);
	bool is[] = {
		[COND_O / 2] = flags & OF,         [COND_B / 2] = flags & CF,
		[COND_E / 2] = flags & ZF,         [COND_BE / 2] = flags & (CF | ZF),
		[COND_S / 2] = flags & SF,         [COND_P / 2] = flags & PF,
		[COND_L / 2] = less,               [COND_LE / 2] = less || flags & ZF,
	};

	return is[cond / 2 & 7] != (cond & 1);
}

/* ---- arithmetic --------------------------------------------------------- */

static uint64_t add(struct cpu *cpu, uint64_t a, uint64_t b, unsigned carry, unsigned which)
{
	unsigned width = cpu->insn->dst.width;
	uint64_t sum = a + b + carry;

	set_flags(cpu, which,
	          result_flags(sum, width) | carry_flags((a & b) | ((a | b) & ~sum), width));
	return sum;
}

static uint64_t subtract(struct cpu *cpu, uint64_t a, uint64_t b, unsigned borrow, unsigned which)
{
	unsigned width = cpu->insn->dst.width;
	uint64_t rest = a - b - borrow;

	set_flags(cpu, which,
	          result_flags(rest, width) | carry_flags((~a & b) | ((~a | b) & rest), width));
	return rest;
}

static uint64_t logic(struct cpu *cpu, uint64_t result)
{
	set_flags(cpu, ALL_FLAGS, result_flags(result, cpu->insn->dst.width));
	return result;
}

static int do_binary(struct cpu *cpu)
{
	unsigned carry = cpu->regs.eflags & CF;
	uint64_t a, b;
	int err = load_both(cpu, &a, &b);

	if (err)
		return err;
	switch (cpu->insn->op) {
	case INSN_ADD: a = add(cpu, a, b, 0, ALL_FLAGS); break;
	case INSN_ADC: a = add(cpu, a, b, carry, ALL_FLAGS); break;
	case INSN_SUB: a = subtract(cpu, a, b, 0, ALL_FLAGS); break;
	case INSN_SBB: a = subtract(cpu, a, b, carry, ALL_FLAGS); break;
	case INSN_AND: a = logic(cpu, a & b); break;
	case INSN_OR:  a = logic(cpu, a | b); break;
	case INSN_XOR: a = logic(cpu, a ^ b); break;
	}
	store(cpu, &cpu->insn->dst, a);
	return 0;
}

static int do_compare(struct cpu *cpu)
{
	uint64_t a, b;
	int err = load_both(cpu, &a, &b);

	if (err)
		return err;
	if (cpu->insn->op == INSN_CMP)
		subtract(cpu, a, b, 0, ALL_FLAGS);
	else
		logic(cpu, a & b);
	return 0;
}

static int do_unary(struct cpu *cpu)
{
	uint64_t a;
	int err = load(cpu, &cpu->insn->dst, &a);

	if (err)
		return err;
	switch (cpu->insn->op) {
	case INSN_INC: a = add(cpu, a, 1, 0, ALL_FLAGS & ~CF); break;
	case INSN_DEC: a = subtract(cpu, a, 1, 0, ALL_FLAGS & ~CF); break;
	case INSN_NEG: a = subtract(cpu, 0, a, 0, ALL_FLAGS); break;
	case INSN_NOT: a = ~a; break;
	}
	store(cpu, &cpu->insn->dst, a);
	return 0;
}

static uint64_t shift(unsigned op, uint64_t value, unsigned count)
{
	switch (op) {
	case INSN_SHL: return value << count;
	case INSN_SHR: return value >> count;
	default:       return (uint64_t)((int64_t)value >> count);
	}
}

/* The flags speak of the last one-bit step, so that is taken by itself. */
static void shift_flags(struct cpu *cpu, uint64_t last, uint64_t result)
{
	unsigned width = cpu->insn->dst.width, top = top_bit(width);
	uint64_t out = cpu->insn->op == INSN_SHL ? last >> top : last;

	set_flags(cpu, ALL_FLAGS,
	          result_flags(result, width) | AF | (out & 1 ? CF : 0) |
	                  ((last ^ result) >> top & 1 ? OF : 0));
}

/* A count of 0 leaves the flags alone, yet its result is written: that clears
 * the upper half of a 32-bit register. */
static int do_shift(struct cpu *cpu)
{
	const struct operand *dst = &cpu->insn->dst;
	unsigned op = cpu->insn->op, count;
	uint64_t value, last;
	int err = load_both(cpu, &value, &last);

	if (err)
		return err;
	count = (unsigned)last & 63;
	if (op == INSN_SAR)
		value = sign_extend(value, dst->width);
	if (count) {
		last = shift(op, value, count - 1);
		value = shift(op, last, 1);
		shift_flags(cpu, last, value);
	}
	store(cpu, dst, value);
	return 0;
}

/* ---- data transfer ------------------------------------------------------ */

static int do_nop(struct cpu *cpu)
{
	(void)cpu;
	return 0;
}

static int do_mov(struct cpu *cpu)
{
	const struct operand *src = &cpu->insn->src;
	uint64_t value;
	int err = load(cpu, src, &value);

	if (err)
		return err;
	if (cpu->insn->op == INSN_MOVSX)
		value = sign_extend(value, src->width);
	store(cpu, &cpu->insn->dst, value);
	return 0;
}

/* The source is read, and the upper half of a 32-bit destination cleared,
 * whether the condition holds or not. */
static int do_cmov(struct cpu *cpu)
{
	uint64_t old, new;
	int err = load_both(cpu, &old, &new);

	if (err)
		return err;
	store(cpu, &cpu->insn->dst,
	      condition_holds(cpu->regs.eflags, cpu->insn->cond) ? new : old);
	return 0;
}

static int do_set(struct cpu *cpu)
{
	store(cpu, &cpu->insn->dst, condition_holds(cpu->regs.eflags, cpu->insn->cond));
	return 0;
}

static int do_lea(struct cpu *cpu)
{
	store(cpu, &cpu->insn->dst, effective_address(cpu, &cpu->insn->src));
	return 0;
}

static int do_xchg(struct cpu *cpu)
{
	uint64_t a, b;
	int err = load_both(cpu, &a, &b);

	if (err)
		return err;
	store(cpu, &cpu->insn->dst, b);
	store(cpu, &cpu->insn->src, a);
	return 0;
}

static int do_cqo(struct cpu *cpu)
{
	uint64_t value;
	int err = load(cpu, &cpu->insn->src, &value);

	if (err)
		return err;
	store(cpu, &cpu->insn->dst, value >> top_bit(cpu->insn->src.width) ? ~UINT64_C(0) : 0);
	return 0;
}

/* ---- stack and control flow --------------------------------------------- */

static void push(struct cpu *cpu, uint64_t value)
{
	cpu->regs.rsp -= 8;
	write_memory(cpu, cpu->regs.rsp, 8, value);
}

static int pop(struct cpu *cpu, uint64_t *value)
{
	int err = read_memory(cpu, cpu->regs.rsp, 8, value);

	if (!err)
		cpu->regs.rsp += 8;
	return err;
}

static int do_push(struct cpu *cpu)
{
	uint64_t value;
	int err = load(cpu, &cpu->insn->src, &value);

	if (!err)
		push(cpu, value);
	return err;
}

static int do_pop(struct cpu *cpu)
{
	uint64_t value;
	int err = pop(cpu, &value);

	if (!err)
		store(cpu, &cpu->insn->dst, value);
	return err;
}

static int do_leave(struct cpu *cpu)
{
	cpu->regs.rsp = cpu->regs.rbp;
	return pop(cpu, &cpu->regs.rbp);
}

static int do_jump(struct cpu *cpu)
{
	if (cpu->insn->op == INSN_JCC && !condition_holds(cpu->regs.eflags, cpu->insn->cond))
		return 0;
	return load(cpu, &cpu->insn->src, &cpu->regs.rip);
}

static int do_call(struct cpu *cpu)
{
	uint64_t next = cpu->regs.rip;
	int err = load(cpu, &cpu->insn->src, &cpu->regs.rip);

	if (!err)
		push(cpu, next);
	return err;
}

static int do_ret(struct cpu *cpu)
{
	int err = pop(cpu, &cpu->regs.rip);

	cpu->regs.rsp += (uint64_t)cpu->insn->src.value;
	return err;
}

/* ---- one instruction ---------------------------------------------------- */

static int (*const operations[INSN_COUNT])(struct cpu *) = {
	[INSN_NOP] = do_nop,
	[INSN_MOV] = do_mov,     [INSN_MOVSX] = do_mov,   [INSN_LEA] = do_lea,
	[INSN_XCHG] = do_xchg,   [INSN_CMOV] = do_cmov,   [INSN_SET] = do_set,
	[INSN_CQO] = do_cqo,
	[INSN_ADD] = do_binary,  [INSN_ADC] = do_binary,  [INSN_SUB] = do_binary,
	[INSN_SBB] = do_binary,  [INSN_AND] = do_binary,  [INSN_OR] = do_binary,
	[INSN_XOR] = do_binary,  [INSN_CMP] = do_compare, [INSN_TEST] = do_compare,
	[INSN_INC] = do_unary,   [INSN_DEC] = do_unary,   [INSN_NEG] = do_unary,
	[INSN_NOT] = do_unary,
	[INSN_SHL] = do_shift,   [INSN_SHR] = do_shift,   [INSN_SAR] = do_shift,
	[INSN_PUSH] = do_push,   [INSN_POP] = do_pop,     [INSN_LEAVE] = do_leave,
	[INSN_JMP] = do_jump,    [INSN_JCC] = do_jump,    [INSN_CALL] = do_call,
	[INSN_RET] = do_ret,
};

/* rip moves first: a branch overwrites it, a call pushes it. */
int arch_emulate(const struct insn *insn, struct arch_regs *regs, const struct arch_mem *mem)
{
	struct cpu cpu = { .insn = insn, .mem = mem, .regs = *regs };
	int err;

	if (insn->op >= INSN_COUNT || !operations[insn->op])
		return -ENOSYS;
	cpu.regs.rip += insn->len;
	err = operations[insn->op](&cpu);
	if (err)
		return err;
	if (cpu.store_width &&
	    mem->write(mem->ctx, cpu.store_addr, &cpu.store_value, cpu.store_width))
		return -EFAULT;
	*regs = cpu.regs;
	return 0;
}

bool arch_sheds(const struct insn *insn, const struct arch_regs *regs)
{
	uint64_t value = arch_value(regs, insn->dst.reg);

	return (uint32_t)value || !value;
}
