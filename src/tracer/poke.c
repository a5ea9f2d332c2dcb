#include "poke.h"

#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "thread.h"

int poke(pid_t tid, taddr_t addr, const void *buf, size_t len)
{
	const uint8_t *from = buf;

	while (len) {
		taddr_t word_addr = addr & ~(taddr_t)(sizeof(long) - 1);
		size_t in = addr - word_addr, some = sizeof(long) - in;
		long word;

		errno = 0;
		word = ptrace(PTRACE_PEEKDATA, tid, word_addr, 0);
		if (errno)
			return -errno;
		some = some < len ? some : len;
		memcpy((uint8_t *)&word + in, from, some);
		if (ptrace(PTRACE_POKEDATA, tid, word_addr, word) < 0)
			return -errno;
		addr += some;
		from += some;
		len -= some;
	}
	return 0;
}

/* Whatever comes for the tracer itself meanwhile, its alarm or a word from the front. */
static int await_stop(pid_t tid, siginfo_t *info)
{
	int error;

	do
		error = waitid(P_PID, tid, info, WSTOPPED | WEXITED | WNOWAIT | __WALL);
	while (error < 0 && errno == EINTR);
	return error;
}

static bool interrupt(struct thread *thread)
{
	siginfo_t info;

	return thread_interrupt(thread) && await_stop(thread->tid, &info) == 0 &&
	       info.si_code == CLD_TRAPPED;
}

int poke_process(pid_t pid, taddr_t addr, const void *buf, size_t len)
{
	struct thread *thread;

	for (size_t at = 0; (thread = thread_next(&at));)
		if (thread->pid == pid && thread->stopped)
			return poke(thread->tid, addr, buf, len);
	for (size_t at = 0; (thread = thread_next(&at));)
		if (thread->pid == pid && interrupt(thread))
			return poke(thread->tid, addr, buf, len);
	return -ESRCH;
}
