/* The tracer process: its main, the wait loop and the farewell. */
#include "tracer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bp.h"
#include "child.h"
#include "emit.h"
#include "event.h"
#include "mem.h"
#include "place.h"
#include "probe.h"
#include "step.h"
#include "thread.h"

#define TITLE "at-tracer" /* no name a pkill for the front would match */
#define KICK SIGUSR2
#define BATCH 256
#define RUN_ON_MAX 64 /* instructions; a chain of wrappers is a dozen */
#define SEIZE_OPTIONS                                                                       \
	(PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC)

static struct tracer *tracer;
static pid_t front;
static struct space space;
static bool leaving;

static bool front_gone(void)
{
	return getppid() != front;
}

/* ---- events -------------------------------------------------------------- */

static const struct resume RUN = { GO_RUN, 0 };
static const struct resume HOLD = { GO_HOLD, 0 };
static const struct resume GONE = { GO_GONE, 0 };

static struct resume hold(struct thread *thread, enum record_kind why)
{
	thread->held = true;
	emit(why, thread->tid, thread->pid);
	return HOLD;
}

/* Past the trap, and on as long as the tracer knows what comes next: one stop serves
 * a chain of wrappers (operator delete, the PLT, free). trapped: as the kernel has
 * them; regs: pc at the trap. */
static struct resume run_on(struct thread *thread, const struct probe *probe,
                            const struct arch_regs *trapped, struct arch_regs *regs, bool fresh)
{
	for (int i = 0; i < RUN_ON_MAX; i++) {
		if (!step_over(thread, &space, probe, regs, fresh)) {
			step_set_regs(thread, trapped, regs);
			return probe->kind == PROBE_PASS ? RUN :
			                                   step_grow(thread, &space, probe, regs);
		}
		fresh = false;
		probe = bp_find(&space, arch_pc(regs));
		if (!probe || probe->kind == PROBE_LOADER)
			break;
		fresh = probe_hit(thread, &space, probe, regs);
	}
	step_set_regs(thread, trapped, regs);
	return RUN;
}

static struct resume on_probe(struct thread *thread, const struct probe *probe,
                              const struct arch_regs *trapped)
{
	struct arch_regs regs = *trapped;
	bool fresh = false;

	arch_set_pc(&regs, probe->addr);
	if (probe->kind == PROBE_LOADER) {
		thread->step = *probe;
		return hold(thread, REC_LOADER);
	}
	if (thread->silent_addr == probe->addr)
		thread->silent_addr = 0;
	else
		fresh = probe_hit(thread, &space, probe, &regs);
	return run_on(thread, probe, trapped, &regs, fresh);
}

/* Is this SIGTRAP the trap in front of the pc? Only where the thread was sent to
 * just this pc by the emulation of a one-byte instruction could it be another's. */
static bool is_trap_hit(const struct thread *thread, const struct arch_regs *regs)
{
	siginfo_t info;

	if (arch_pc(regs) != thread->resumed_pc)
		return true;
	return ptrace(PTRACE_GETSIGINFO, thread->tid, 0, &info) == 0 && info.si_code == SI_KERNEL;
}

static struct resume on_trap(struct thread *thread)
{
	const struct probe *probe;
	struct arch_regs regs;

	if (thread->handler.due) {
		probe_handler_begins(thread, &space);
		return RUN;
	}
	if (thread->growing)
		return step_grown(thread, &space, true) ? RUN : (struct resume){ GO_RUN, SIGSEGV };
	if (step_get_regs(thread->tid, &regs) < 0)
		return GONE;
	probe = bp_find(&space, arch_pc(&regs) - ARCH_TRAP_SKID);
	if (!probe || probe->kind == PROBE_PASS || !is_trap_hit(thread, &regs))
		return (struct resume){ GO_RUN, SIGTRAP };
	place_stop(thread->tid);
	return on_probe(thread, probe, &regs);
}

/* SigCgt of /proc/TID/status, proc(5): will a handler of the target's run? */
static bool is_caught(pid_t tid, int sig)
{
	char path[32], line[256];
	unsigned long long mask = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "SigCgt: %llx", &mask) == 1)
			break;
	if (file)
		fclose(file);
	return mask >> (sig - 1) & 1;
}

/* Where a handler will run, the thread is stepped into it: calls in it are told from
 * the interrupted one's, and its stack from the interrupted one. */
static struct resume on_signal(struct thread *thread, int sig)
{
	struct arch_regs regs;

	if (thread->growing)
		step_grown(thread, &space, false);
	thread->handler.due = false;
	if (!is_caught(thread->tid, sig) || step_get_regs(thread->tid, &regs) < 0)
		return (struct resume){ GO_RUN, sig };
	thread->handler.due = true;
	thread->handler.interrupted = arch_sp(&regs);
	return (struct resume){ GO_STEP, sig };
}

static struct resume on_end(struct thread *thread, int status)
{
	bool is_process = thread->tid == thread->pid;

	if (thread->role == ROLE_TARGET) {
		probe_abandon_all(thread);
		emit(REC_THREAD_END, thread->tid, thread->pid);
		if (is_process) {
			emit_status(REC_EXIT, thread->tid, thread->pid, status);
			leaving = true;
		}
	}
	thread_remove(thread);
	return GONE;
}

/* All other threads are gone, without a word of their own: ptrace(2), "execve
 * under ptrace". A borrower left in the old memory is cleaned of traps first. */
static void drop_old_image(pid_t pid)
{
	struct thread *thread;

	if (space.pid)
		bp_lift_all(&space, space.mem);
	space_close(&space);
	for (size_t at = 0; (thread = thread_next(&at));) {
		if (thread->pid != pid || thread->role != ROLE_TARGET)
			continue;
		probe_abandon_all(thread);
		if (thread->tid == pid)
			continue;
		emit(REC_THREAD_END, thread->tid, pid);
		thread_remove(thread);
	}
}

static struct resume on_exec(struct thread *thread)
{
	int error;

	if (thread->role != ROLE_TARGET)
		return (struct resume){ GO_DETACH, 0 };
	drop_old_image(thread->pid);
	thread_forget_calls(thread);
	thread->step.addr = 0;
	error = space_open(&space, thread->pid);
	if (error < 0)
		emit_refused(0, -error);
	return hold(thread, REC_EXEC);
}

static struct resume on_event(struct thread *thread, struct event event)
{
	switch (event.kind) {
	case EV_EXITED:
	case EV_KILLED:
		return on_end(thread, event.status);
	case EV_TRAP:
		return on_trap(thread);
	case EV_SIGNAL:
		return on_signal(thread, event.sig);
	case EV_GROUP_STOP:
		return (struct resume){ GO_LISTEN, 0 };
	case EV_EXEC:
		return on_exec(thread);
	case EV_FORK:
	case EV_VFORK:
	case EV_CLONE:
		child_born(thread, &space);
		return RUN;
	case EV_STOP:
	case EV_OTHER:
		break;
	}
	return RUN;
}

static struct resume dispatch(pid_t tid, int status, struct thread **out)
{
	struct event event = event_of_status(status);
	struct thread *thread = thread_find(tid);
	bool ended = event.kind == EV_EXITED || event.kind == EV_KILLED;

	*out = thread;
	if (!thread && ended)
		return GONE;
	if (!thread) {
		*out = thread = thread_add(tid, tid, ROLE_UNKNOWN);
		if (!thread) {
			ptrace(PTRACE_DETACH, tid, 0, 0);
			return GONE;
		}
	}
	thread->stopped = !ended;
	if (thread->role == ROLE_UNKNOWN && !ended)
		return HOLD;
	if (!thread->begun && !ended) {
		thread->begun = true;
		if (event.kind == EV_STOP || event.kind == EV_GROUP_STOP)
			return child_first_stop(thread, &space,
			                        event.kind == EV_GROUP_STOP ? event.sig : 0);
	}
	return on_event(thread, event);
}

/* ---- commands ------------------------------------------------------------ */

static void seize(pid_t pid)
{
	struct thread *thread;
	int error = 0;

	if (ptrace(PTRACE_SEIZE, pid, 0, SEIZE_OPTIONS) < 0)
		error = errno;
	thread = error ? NULL : thread_add(pid, pid, ROLE_TARGET);
	if (thread) {
		thread->begun = true;
		emit(REC_THREAD_BEGIN, pid, pid);
	}
	emit_status(REC_SEIZED, pid, pid, error);
}

static void plant(const struct command_plant *command)
{
	size_t count = (command->record.len - sizeof(*command)) / sizeof(struct probe);

	for (size_t i = 0; i < count; i++) {
		int error = bp_plant(&space, &command->probes[i]);

		if (error < 0 && error != -EEXIST)
			emit_refused(command->probes[i].addr, -error);
	}
}

static void go(struct thread *thread)
{
	struct arch_regs trapped, regs;
	struct resume resume = RUN;

	if (!thread || !thread->held)
		return;
	thread->held = false;
	if (thread->step.addr && step_get_regs(thread->tid, &trapped) == 0) {
		struct probe on = thread->step;

		thread->step.addr = 0;
		regs = trapped;
		arch_set_pc(&regs, on.addr);
		resume = run_on(thread, &on, &trapped, &regs, false);
	}
	thread_resume(thread, resume);
}

static void obey(const struct record *record)
{
	switch (record->kind) {
	case CMD_SEIZE:
		seize(record->tid);
		break;
	case CMD_PLANT:
		plant((const struct command_plant *)record);
		break;
	case CMD_FORGET: {
		const struct command_forget *forget = (const struct command_forget *)record;

		bp_forget(&space, forget->begin, forget->end);
		break;
	}
	case CMD_GO:
		go(thread_find(record->tid));
		break;
	case CMD_DETACH:
		leaving = true;
		break;
	}
}

static void obey_all(void)
{
	size_t len;
	const struct record *record;

	while ((record = ring_peek(&tracer->commands, &len)) && len) {
		size_t size = record->len;

		obey(record);
		ring_consume(&tracer->commands, size);
	}
}

/* ---- farewell ------------------------------------------------------------- */

static char state_of(pid_t tid)
{
	char text[256], *at;
	ssize_t len;
	int fd;

	snprintf(text, sizeof(text), "/proc/%d/stat", tid);
	fd = open(text, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	text[len > 0 ? len : 0] = '\0';
	at = strrchr(text, ')');
	return at && at[1] ? at[2] : 'X';
}

/* The thread is stopped and the traps are lifted: one that has hit a trap already
 * goes back to where the instruction now stands again. */
static void let_go(struct thread *thread, struct event event)
{
	struct arch_regs regs;
	int sig = event.kind == EV_SIGNAL ? event.sig : 0;

	if (thread->growing)
		step_grown(thread, &space, event.kind == EV_TRAP);
	else if ((event.kind == EV_TRAP || thread->held) &&
	         step_get_regs(thread->tid, &regs) == 0) {
		const struct probe *on = bp_find(&space, arch_pc(&regs) - ARCH_TRAP_SKID);

		if (on && on->kind != PROBE_PASS)
			step_set_pc(thread->tid, arch_pc(&regs) - ARCH_TRAP_SKID);
		else if (event.kind == EV_TRAP && !thread->handler.due)
			sig = SIGTRAP;
	}
	if (thread->role == ROLE_COPY || thread->role == ROLE_UNKNOWN) {
		int mem = mem_open(thread->tid);

		if (mem >= 0) {
			bp_lift_all(&space, mem);
			close(mem);
		}
	}
	thread_resume(thread, (struct resume){ GO_DETACH, sig });
}

/* Sleeping threads are not interrupted, which would make their system calls
 * return early: the kernel lets them go when the tracer ends. */
static size_t begin_farewell(void)
{
	struct thread *thread;
	size_t due = 0;

	for (size_t at = 0; (thread = thread_next(&at));) {
		char state;

		if (thread->stopped) {
			let_go(thread, (struct event){ EV_STOP, 0, 0 });
			continue;
		}
		state = state_of(thread->tid);
		if (state == 'R' || thread->listening)
			ptrace(PTRACE_INTERRUPT, thread->tid, 0, 0);
		due += state == 'R' || state == 't';
	}
	return due;
}

static void farewell(void)
{
	size_t due;
	int status;
	pid_t tid;

	if (space.pid)
		bp_lift_all(&space, space.mem);
	for (due = begin_farewell(); due > 0; due--) {
		struct event event;
		struct thread *thread;

		tid = waitpid(-1, &status, __WALL);
		if (tid < 0)
			break;
		event = event_of_status(status);
		thread = thread_find(tid);
		if (event.kind == EV_EXITED || event.kind == EV_KILLED) {
			if (thread)
				thread_remove(thread);
			continue;
		}
		if (!thread && !(thread = thread_add(tid, tid, ROLE_UNKNOWN)))
			continue;
		let_go(thread, event);
	}
}

/* ---- the process ----------------------------------------------------------- */

static volatile sig_atomic_t kicked;

/* A kick is to interrupt waitpid, but may come just before it: then an alarm
 * comes after it, and again, until the loop has come round. */
static void on_kick(int sig)
{
	const struct itimerval soon = { .it_value.tv_usec = 10000 };

	if (sig == KICK)
		kicked = 1;
	if (kicked)
		setitimer(ITIMER_REAL, &soon, NULL);
}

/* All that is ready is collected before any of it is resumed: threads that stop
 * often would else starve the others. */
static void collect(pid_t tid, int status)
{
	static struct {
		struct thread *thread;
		pid_t tid;
		struct resume resume;
	} batch[BATCH];
	size_t n = 0;

	do {
		batch[n].resume = dispatch(tid, status, &batch[n].thread);
		batch[n].tid = tid;
		n++;
	} while (n < BATCH && thread_count() > 1 &&
	         (tid = waitpid(-1, &status, __WALL | WNOHANG)) > 0);
	for (size_t i = 0; i < n; i++)
		if (batch[i].thread && batch[i].thread->tid == batch[i].tid)
			thread_resume(batch[i].thread, batch[i].resume);
}

static void loop(void)
{
	while (!leaving) {
		int status;
		pid_t tid;

		if (kicked) { /* cleared first: the next kick counts again */
			kicked = 0;
			leaving = front_gone();
		}
		obey_all();
		if (leaving)
			break;
		tid = waitpid(-1, &status, __WALL);
		if (tid > 0)
			collect(tid, status);
		else if (errno == ECHILD) /* nothing is traced yet */
			poll(NULL, 0, 10);
	}
}

static void become(const struct tracer_options *options)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	const struct sigaction kick = { .sa_handler = on_kick };
	const struct sigaction chld = { .sa_handler = SIG_DFL, .sa_flags = SA_NOCLDSTOP };
	const int ignored[] = { SIGINT, SIGQUIT, SIGTSTP, SIGHUP, SIGTERM, SIGPIPE,
		                SIGUSR1, SIGTTIN, SIGTTOU };
	sigset_t none;
	int null = open("/dev/null", O_RDWR);

	setsid();
	prctl(PR_SET_NAME, TITLE);
	if (options->title_len) {
		memset(options->title, 0, options->title_len);
		strncpy(options->title, TITLE, options->title_len - 1);
	}
	for (size_t i = 0; i < countof(ignored); i++)
		sigaction(ignored[i], &ignore, NULL);
	sigaction(KICK, &kick, NULL);
	sigaction(SIGALRM, &kick, NULL);
	sigaction(SIGCHLD, &chld, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, KICK);
	kicked = 1; /* it may have died before */
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	close(null);
	if (chdir("/") < 0)
		return; /* it only keeps a mount busy */
}

static _Noreturn void tracer_main(const struct tracer_options *options)
{
	become(options);
	stack_set_depth(options->depth);
	emit_init(tracer, front_gone);
	place_init();
	loop();
	farewell();
	emit(REC_END, 0, 0);
	_exit(0);
}

int tracer_start(struct tracer *link, const struct tracer_options *options)
{
	int error = ring_init(&link->records, 16 << 20);

	if (error < 0 || (error = ring_init(&link->commands, 1 << 20)) < 0)
		return error;
	link->doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (link->doorbell < 0)
		return -errno;
	front = getpid();
	tracer = link;
	link->pid = fork();
	if (link->pid == 0)
		tracer_main(options);
	return link->pid < 0 ? -errno : 0;
}

void *tracer_command(struct tracer *link, size_t len)
{
	return ring_reserve(&link->commands, (len + 7) & ~(size_t)7);
}

void tracer_send(struct tracer *link, struct record *record, size_t len)
{
	record->len = (len + 7) & ~(size_t)7;
	ring_commit(&link->commands, record->len);
	kill(link->pid, KICK);
}
