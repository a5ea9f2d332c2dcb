#include "thread.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>

#include "privilege.h"
#include "space.h"
#include "table.h"

/* Linux's own limit on threads is /proc/sys/kernel/threads-max; memory is only
 * taken for those that were ever alive at once, addresses for all of them. */
#define THREADS_MAX (1u << 17)
#define THREADS_MIN (1u << 8) /* under a limit on addresses, setrlimit(2) */

static struct thread *threads;
static size_t used, alive, most;
static struct table by_tid; /* tid -> index + 1 */

static bool reserve(void)
{
	for (most = THREADS_MAX; !threads && most >= THREADS_MIN; most /= 2) {
		threads = mmap(NULL, most * sizeof(*threads), PROT_READ | PROT_WRITE,
		               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (threads != MAP_FAILED)
			return true;
		threads = NULL;
	}
	return threads;
}

static struct thread *free_thread(void)
{
	if (!reserve())
		return NULL;
	for (size_t i = alive < used ? 0 : used; i < used; i++)
		if (!threads[i].tid)
			return &threads[i];
	return used < most ? &threads[used++] : NULL;
}

struct thread *thread_find(pid_t tid)
{
	const uint64_t *index = table_find(&by_tid, tid);

	return index ? &threads[*index - 1] : NULL;
}

struct thread *thread_add(pid_t tid, pid_t pid, enum thread_role role)
{
	struct thread *thread = free_thread();
	uint64_t *index = thread ? table_put(&by_tid, tid) : NULL;
	struct capture capture;

	if (!index)
		return NULL;
	capture = thread->capture;
	*thread = (struct thread){ .tid = tid, .pid = pid, .role = role };
	thread->capture = capture; /* its memory serves the next thread */
	thread_forget_calls(thread);
	*index = thread - threads + 1;
	alive++;
	return thread;
}

void thread_enter(struct thread *thread, struct space *space)
{
	space_enter(space);
	space_leave(thread->space);
	thread->space = space;
}

void thread_remove(struct thread *thread)
{
	space_leave(thread->space);
	thread->space = NULL;
	table_remove(&by_tid, thread->tid);
	thread->tid = 0;
	alive--;
}

size_t thread_count(void)
{
	return alive;
}

struct thread *thread_next(size_t *at)
{
	while (*at < used) {
		struct thread *thread = &threads[(*at)++];

		if (thread->tid)
			return thread;
	}
	return NULL;
}

void thread_forget_calls(struct thread *thread)
{
	for (unsigned i = 0; i < LAYERS; i++)
		thread->layers[i].calls.depth = thread->layers[i].last_free.count = 0;
	thread->name_count = 0;
	thread->handler = (struct handler){ 0 };
	thread->internal_slot = 0;
	thread->silent_addr = 0;
	stack_drop(&thread->capture);
}

void thread_inherit_calls(struct thread *thread, const struct thread *parent)
{
	memcpy(thread->layers, parent->layers, sizeof(thread->layers));
	memcpy(thread->names, parent->names, sizeof(thread->names));
	thread->name_count = parent->name_count;
	thread->handler = parent->handler;
	thread->internal_slot = parent->internal_slot;
	thread->silent_addr = parent->silent_addr;
	thread->in_earlier_call = parent->in_earlier_call;
}

/* See borrower.h. */
static bool stops_at_calls(const struct thread *thread)
{
	static enum { UNKNOWN, YES, NO } needed;

	if (thread->role != ROLE_BORROWER && !thread->forked)
		return false;
	if (needed == UNKNOWN)
		needed = privilege_survives_us() ? NO : YES;
	return needed == YES;
}

struct resume thread_hold(struct thread *thread, const struct probe *on)
{
	thread->step = *on;
	thread->held = true;
	return (struct resume){ GO_HOLD, 0 };
}

bool thread_interrupt(struct thread *thread)
{
	thread->interrupted = true;
	return ptrace(PTRACE_INTERRUPT, thread->tid, 0, 0) == 0;
}

void thread_resume(struct thread *thread, struct resume resume)
{
	static const enum __ptrace_request requests[] = {
		[GO_RUN] = PTRACE_CONT,
		[GO_STEP] = PTRACE_SINGLESTEP,
		[GO_LISTEN] = PTRACE_LISTEN,
		[GO_DETACH] = PTRACE_DETACH,
	};

	enum __ptrace_request request;

	if (resume.go == GO_GONE || resume.go == GO_HOLD)
		return;
	request = requests[resume.go];
	if (resume.go == GO_RUN &&
	    (stops_at_calls(thread) || (thread->space && thread->space->every_call)))
		request = PTRACE_SYSCALL;
	thread->stopped = false;
	thread->listening = resume.go == GO_LISTEN;
	ptrace(request, thread->tid, 0, (long)resume.sig);
	if (resume.go == GO_DETACH)
		thread_remove(thread);
}
