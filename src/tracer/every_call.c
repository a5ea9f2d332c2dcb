#include "every_call.h"

#include <sys/ptrace.h>
#include <sys/syscall.h>

#include "bp.h"
#include "emit.h"
#include "map.h"
#include "task.h"
#include "turn.h"

#define UNRELATED_MAX 1000

static const struct resume RUN = { GO_RUN, 0 };

/* Broken off, these tell how much they have done instead of starting again. */
static const int piecemeal[] = {
	SYS_write, SYS_writev, SYS_pwrite64, SYS_pwritev, SYS_pwritev2, SYS_sendto, SYS_sendmsg,
	SYS_sendmmsg, SYS_sendfile, SYS_splice, SYS_tee, SYS_vmsplice, SYS_copy_file_range,
	SYS_recvfrom, SYS_recvmsg, SYS_recvmmsg,
};

static bool may_be_broken_off(pid_t tid)
{
	int call = task_call(tid);

	for (size_t i = 0; i < countof(piecemeal); i++)
		if (piecemeal[i] == call)
			return false;
	return true;
}

void every_call_begin(struct space *space)
{
	struct thread *thread;
	bool on = space->every_call;

	space->every_call = space->every_call == EVERY_CALL_ALWAYS ? EVERY_CALL_ALWAYS :
	                                                              UNRELATED_MAX;
	for (size_t at = 0; !on && (thread = thread_next(&at));) {
		if (thread->space != space || thread->stopped || !may_be_broken_off(thread->tid))
			continue;
		thread_interrupt(thread);
	}
}

static void unrelated(struct space *space)
{
	if (space->every_call == EVERY_CALL_ALWAYS || --space->every_call)
		return;
	emit_space(REC_FEW_CALLS, space);
}

static bool is_trapped(const struct space *space, taddr_t behind)
{
	const struct probe *probe = bp_find(space, behind);

	return probe && probe->kind == PROBE_SYSRET;
}

static void begin(struct thread *thread)
{
	thread->space->every_call = EVERY_CALL_ALWAYS;
	turn_take(thread, thread->map.in_call);
}

struct resume every_call_go_on(struct thread *thread)
{
	if (thread->map.call.kind == MAP_CALL_EXIT)
		return turn_may_leave(thread) ? RUN : turn_leave(thread, thread->map.in_call);
	if (turn_is_taken(thread->space, thread))
		return turn_wait(thread, thread->map.in_call);
	begin(thread);
	return RUN;
}

static struct resume at_begin(struct thread *thread, const struct __ptrace_syscall_info *info)
{
	enum map_call_kind kind = info->arch == ARCH_AUDIT ? map_call_of((int)info->entry.nr) :
	                                                     MAP_CALL_NONE;
	taddr_t behind = info->instruction_pointer;

	if (kind == MAP_CALL_NONE || kind == MAP_CALL_CLONE || is_trapped(thread->space, behind)) {
		unrelated(thread->space);
		return RUN;
	}
	thread->map.in_call = behind - ARCH_SYSCALL_LEN;
	thread->map.call = (struct map_call){ .kind = kind };
	for (unsigned i = 0; i < MAP_CALL_ARGS; i++)
		thread->map.call.args[i] = info->entry.args[i];
	return every_call_go_on(thread);
}

/* A filter that traps, seccomp(2), leaves the call's number for a result. */
static bool is_refused(int64_t result)
{
	return result > 0 && result < 4096; /* no such address, and no other success but 0 */
}

static struct resume at_end(struct thread *thread, int64_t result)
{
	bool was_mapping = thread->map.call_addr && thread->map.in_call;

	thread->map.in_call = 0;
	turn_stays(thread); /* an exit that has come back */
	if (was_mapping && (map_call_is_restarted(result) || is_refused(result))) {
		thread->map.call_addr = 0;
		turn_release(thread->space);
	} else if (was_mapping) {
		map_finish(thread);
	}
	return RUN;
}

struct resume every_call_stop(struct thread *thread)
{
	struct __ptrace_syscall_info info;
	long len = thread->space && thread->space->every_call ?
	                   ptrace(PTRACE_GET_SYSCALL_INFO, thread->tid, sizeof(info), &info) : -1;

	if (len <= 0) /* before Linux 5.3 */
		return RUN;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
		return at_begin(thread, &info);
	if (info.op == PTRACE_SYSCALL_INFO_EXIT)
		return at_end(thread, info.exit.rval);
	return RUN;
}
