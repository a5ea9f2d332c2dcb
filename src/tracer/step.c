#include "step.h"

#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>

#include "mem.h"
#include "poke.h"

#define WORDS (sizeof(struct arch_regs) / sizeof(uint64_t))

struct reach { /* of the emulator */
	int mem;
	const struct thread *thread;
	taddr_t sp;
};

static int reach_read(void *ctx, taddr_t addr, void *buf, size_t len)
{
	const struct reach *reach = ctx;
	const struct thread *thread = reach->thread;

	return addr == reach->sp && stack_read(&thread->capture, thread->tid, addr, buf, len) ?
	               0 :
	               mem_read(reach->mem, addr, buf, len);
}

static int reach_write(void *ctx, taddr_t addr, const void *buf, size_t len)
{
	const struct reach *reach = ctx;

	stack_stale();
	return mem_write(reach->mem, addr, buf, len) == 0 ?
	               0 :
	               poke(reach->thread->tid, addr, buf, len);
}

int step_get_regs(pid_t tid, struct arch_regs *regs)
{
	return ptrace(PTRACE_GETREGS, tid, 0, regs) < 0 ? -errno : 0;
}

static void set_word(pid_t tid, size_t word, uint64_t value)
{
	ptrace(PTRACE_POKEUSER, tid, word * sizeof(value), value);
}

void step_set_pc(pid_t tid, taddr_t pc)
{
	set_word(tid, offsetof(struct arch_regs, rip) / sizeof(uint64_t), pc);
}

#define ERESTARTNOHAND 514 /* the kernel's own: start the system call again */

void step_restart_call(pid_t tid, const struct arch_regs *regs)
{
	if ((int64_t)regs->orig_rax >= 0 && (int64_t)regs->rax == -EINTR)
		set_word(tid, offsetof(struct arch_regs, rax) / sizeof(uint64_t), -ERESTARTNOHAND);
}

void step_interrupted(struct thread *thread)
{
	struct arch_regs regs;

	if (thread->interrupted && step_get_regs(thread->tid, &regs) == 0)
		step_restart_call(thread->tid, &regs);
	thread->interrupted = false;
}

/* One word costs a quarter of the whole set. */
void step_set_regs(struct thread *thread, const struct arch_regs *was,
                   const struct arch_regs *regs)
{
	const uint64_t *a = (const uint64_t *)was, *b = (const uint64_t *)regs;
	size_t changed[2], n = 0;

	thread->resumed_pc = arch_pc(regs);
	thread->twin_of = 0;
	for (size_t i = 0; i < WORDS; i++) {
		if (a[i] == b[i])
			continue;
		if (n == countof(changed)) {
			ptrace(PTRACE_SETREGS, thread->tid, 0, regs);
			return;
		}
		changed[n++] = i;
	}
	for (size_t i = 0; i < n; i++)
		set_word(thread->tid, changed[i], b[changed[i]]);
}

bool step_over(const struct thread *thread, const struct space *space,
               const struct probe *probe, struct arch_regs *regs)
{
	struct reach reach = { space->mem, thread, arch_sp(regs) };
	const struct arch_mem mem = { reach_read, reach_write, &reach };

	if (probe->flags & PROBE_SHEDS && arch_sheds(&probe->insn, regs)) {
		arch_set_pc(regs, probe->addr + 1);
		return true;
	}
	if (probe->twin.addr && plan_is_ret(probe)) {
		arch_set_pc(regs, probe->twin.addr);
		return true;
	}
	return arch_emulate(&probe->insn, regs, &mem) == 0;
}

struct resume step_grow(struct thread *thread, const struct space *space,
                        const struct probe *probe, const struct arch_regs *regs)
{
	thread->growing = true;
	thread->step = *probe;
	/* what the push will overwrite, when it is there already */
	thread->below = 0;
	mem_read(space->mem, arch_sp(regs) - sizeof(thread->below), &thread->below,
	         sizeof(thread->below));
	step_set_pc(thread->tid, probe->push);
	return (struct resume){ GO_STEP, 0 };
}

bool step_grown(struct thread *thread, const struct space *space, bool is_trap)
{
	struct probe probe = thread->step;
	struct arch_regs regs, now;

	thread->growing = false;
	thread->step.addr = 0;
	if (step_get_regs(thread->tid, &now) < 0)
		return false;
	regs = now;
	arch_set_pc(&regs, probe.addr);
	if (is_trap && arch_pc(&now) == probe.push + 1) {
		arch_set_sp(&regs, arch_sp(&regs) + sizeof(uint64_t));
		mem_write(space->mem, arch_sp(&regs) - sizeof(thread->below), &thread->below,
		          sizeof(thread->below));
		if (step_over(thread, space, &probe, &regs)) {
			step_set_regs(thread, &now, &regs);
			return true;
		}
	}
	/* a signal came first, or memory is out of the thread's reach too: it goes
	 * back to the trap, whose next hit is no new event */
	step_set_regs(thread, &now, &regs);
	thread->silent_addr = probe.addr;
	return false;
}
