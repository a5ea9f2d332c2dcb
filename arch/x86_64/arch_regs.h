/* x86-64 registers by role. The layout is struct user_regs_struct
 * (linux/arch/x86/include/asm/user_64.h), mirrored so that it compiles
 * on any host; calling convention: System V psABI 1.0, 3.2. */
#ifndef ARCH_REGS_H
#define ARCH_REGS_H

#include <stdint.h>

#define ARCH_TRAP 0xcc
#define ARCH_TRAP_SKID 1
#define ARCH_REGS 16 /* general registers, numbered as the encoding does */
#define ARCH_PUSH 0x50 /* push %rax, one byte */
#define ARCH_RET 0xc3
#define ARCH_CALL 0xe8 /* call rel32 */
#define ARCH_CALL_LEN 5
#define ARCH_JUMP 0xe9 /* jmp rel32, as long */
#define ARCH_SYSCALL "\x0f\x05"
#define ARCH_SYSCALL_LEN 2
#define ARCH_AUDIT 0xc000003e /* AUDIT_ARCH_X86_64, linux/audit.h: whose numbers calls have */
#define ARCH_INSN_MAX 15
/* What a signal handler returns to (mov $15,%rax; syscall), and debuggers know it by. */
#define ARCH_SIGRETURN "\x48\xc7\xc0\x0f\x00\x00\x00\x0f\x05"
#define ARCH_SIGRETURN_LEN 9

enum arch_reg {
	ARCH_RAX, ARCH_RCX, ARCH_RDX, ARCH_RBX, ARCH_RSP, ARCH_RBP, ARCH_RSI, ARCH_RDI,
	ARCH_R8, ARCH_R9, ARCH_R10, ARCH_R11, ARCH_R12, ARCH_R13, ARCH_R14, ARCH_R15
};

#define ARCH_RESULT ARCH_RAX
#define ARCH_ARG0 ARCH_RDI
#define ARCH_ARG1 ARCH_RSI

/* What a called function must give back unchanged (psABI figure 3.4), rsp apart. */
#define ARCH_CALLEE_SAVED                                                                    \
	(1u << ARCH_RBX | 1u << ARCH_RBP | 1u << ARCH_R12 | 1u << ARCH_R13 | 1u << ARCH_R14 | \
	 1u << ARCH_R15)

struct arch_regs {
	uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	uint64_t orig_rax, rip, cs, eflags, rsp, ss, fs_base, gs_base, ds, es, fs, gs;
};

/* The registers an unwinder starts from, in the caller of the function
 * whose return address lies at .sp - 8. */
struct arch_frame {
	uint64_t pc, sp, rbp, rbx, r12, r13, r14, r15;
};

static inline unsigned arch_reg_slot(unsigned number)
{
	static const uint8_t slot[ARCH_REGS] = { 10, 11, 12, 5, 19, 4, 13, 14,
		                                  9, 8, 7, 6, 3, 2, 1, 0 };
	return slot[number];
}

static inline uint64_t *arch_reg(struct arch_regs *regs, unsigned number)
{
	return (uint64_t *)regs + arch_reg_slot(number);
}

static inline uint64_t arch_value(const struct arch_regs *regs, unsigned number)
{
	return ((const uint64_t *)regs)[arch_reg_slot(number)];
}

static inline uint64_t arch_pc(const struct arch_regs *regs) { return regs->rip; }
static inline void arch_set_pc(struct arch_regs *regs, uint64_t pc) { regs->rip = pc; }
static inline void arch_set_sp(struct arch_regs *regs, uint64_t sp) { regs->rsp = sp; }
/* Where the C library's data about the thread begin; 0: it has none. */
static inline uint64_t arch_thread_data(const struct arch_regs *regs) { return regs->fs_base; }
static inline uint64_t arch_sp(const struct arch_regs *regs) { return regs->rsp; }

static inline uint64_t arch_arg(const struct arch_regs *regs, unsigned n)
{
	const uint64_t arg[] = { regs->rdi, regs->rsi, regs->rdx, regs->rcx, regs->r8, regs->r9 };
	return arg[n];
}

static inline unsigned arch_arg_register(unsigned n)
{
	const uint8_t number[] = { ARCH_RDI, ARCH_RSI, ARCH_RDX, ARCH_RCX, ARCH_R8, ARCH_R9 };
	return number[n];
}

/* Of a system call, before it or behind it: the kernel only changes rax, rcx and r11. */
static inline uint64_t arch_syscall_arg(const struct arch_regs *regs, unsigned n)
{
	const uint64_t arg[] = { regs->rdi, regs->rsi, regs->rdx, regs->r10, regs->r8, regs->r9 };
	return arg[n];
}

/* To make system call number, for a thread that stands behind a system call
 * instruction, which is then neither restarted nor noticed. */
static inline void arch_set_call(struct arch_regs *regs, uint64_t number, uint64_t arg0,
                                 uint64_t arg1)
{
	regs->rip -= ARCH_SYSCALL_LEN;
	regs->orig_rax = (uint64_t)-1;
	regs->rax = number;
	regs->rdi = arg0;
	regs->rsi = arg1;
}

/* The frame the registers are of. */
static inline struct arch_frame arch_here(const struct arch_regs *r)
{
	return (struct arch_frame){ r->rip, r->rsp, r->rbp, r->rbx, r->r12, r->r13, r->r14, r->r15 };
}

/* The caller's frame, seen where every callee-saved register holds the
 * caller's value and slot is the address of the return address. */
static inline struct arch_frame arch_frame(const struct arch_regs *r, uint64_t slot,
                                           uint64_t return_pc)
{
	return (struct arch_frame){ return_pc, slot + 8, r->rbp, r->rbx,
		                    r->r12,    r->r13,   r->r14, r->r15 };
}

#endif
