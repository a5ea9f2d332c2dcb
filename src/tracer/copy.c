/* A child's memory is ours to write through /proc/CHILD/mem, unless the program has
 * made itself undumpable, prctl(2): then that file, PTRACE_POKETEXT and
 * process_vm_writev(2) are root's. Its registers are ours still. The child is about to
 * return from its fork, whose system call instruction stands right behind it: it is
 * sent there once more to say that it is dumpable, and again to take that back. */
#include "copy.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "event.h"
#include "mem.h"
#include "step.h"
#include "task.h"

static size_t clean(const struct space *space, pid_t child)
{
	int mem = mem_open(child);
	size_t left = mem < 0 ? space->count : bp_lift_all(space, child, mem);

	if (mem >= 0)
		close(mem);
	return left;
}

static bool stands_behind_call(const struct space *space, taddr_t pc)
{
	char code[ARCH_SYSCALL_LEN];

	return mem_read(space->mem, pc - ARCH_SYSCALL_LEN, code, sizeof(code)) == 0 &&
	       memcmp(code, ARCH_SYSCALL, sizeof(code)) == 0;
}

static bool await_stop(pid_t tid, int *status)
{
	pid_t got;

	do
		got = waitpid(tid, status, __WALL);
	while (got < 0 && errno == EINTR); /* the tracer's alarm, or a word from the front */
	return got == tid && WIFSTOPPED(*status);
}

/* On to the next stop at a system call's entry or exit; others in between, of a group
 * that stops, do not count. Signals are blocked. False: the child has ended. */
static bool reach_call_stop(pid_t tid)
{
	int status;

	do {
		if (ptrace(PTRACE_SYSCALL, tid, 0, 0) < 0 || !await_stop(tid, &status))
			return false;
	} while (event_of_status(status).kind != EV_CALL);
	return true;
}

/* The result of prctl(option, value) in the child, or -errno. */
static long remote_prctl(pid_t tid, const struct arch_regs *at, int option, int value)
{
	struct arch_regs regs = *at;

	arch_set_call(&regs, SYS_prctl, option, value);
	if (ptrace(PTRACE_SETREGS, tid, 0, &regs) < 0 || !reach_call_stop(tid) ||
	    !reach_call_stop(tid) || step_get_regs(tid, &regs) < 0)
		return -ESRCH;
	return (long)*arch_reg(&regs, ARCH_RESULT);
}

static size_t clean_undumpable(const struct space *space, pid_t child)
{
	const uint64_t all = ~(uint64_t)0;
	struct arch_regs regs;
	size_t left = space->count;
	uint64_t mask;

	/* a filter could kill the child for a call the program never makes */
	if (task_of(child).seccomp || step_get_regs(child, &regs) < 0 ||
	    !stands_behind_call(space, arch_pc(&regs)) ||
	    ptrace(PTRACE_GETSIGMASK, child, sizeof(mask), &mask) < 0)
		return left;
	ptrace(PTRACE_SETSIGMASK, child, sizeof(all), &all);
	/* 2, readable by root only, could not be set again */
	if (remote_prctl(child, &regs, PR_GET_DUMPABLE, 0) == 0 &&
	    remote_prctl(child, &regs, PR_SET_DUMPABLE, 1) == 0) {
		left = clean(space, child);
		remote_prctl(child, &regs, PR_SET_DUMPABLE, 0);
	}
	ptrace(PTRACE_SETREGS, child, 0, &regs);
	ptrace(PTRACE_SETSIGMASK, child, sizeof(mask), &mask);
	return left;
}

const struct space *copy_origin(pid_t child)
{
	int mem = mem_open(child);
	const struct space *origin = space_next(NULL);
	size_t most = 0;

	for (const struct space *at = origin; mem >= 0 && at; at = space_next(at)) {
		size_t count = bp_count_in(at, mem);

		if (count <= most)
			continue;
		most = count;
		origin = at;
	}
	if (mem >= 0)
		close(mem);
	return origin;
}

size_t copy_clean(const struct space *space, pid_t child)
{
	size_t left = space ? clean(space, child) : 0;

	return left && space->pid ? clean_undumpable(space, child) : left;
}
