/* Wait statuses, from real waits as far as they can be had. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tracer/event.h"
#include "types.h"

#define OPTIONS                                                                           \
	(PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | \
	 PTRACE_O_TRACECLONE)

/* A child that runs body once it is traced. */
static pid_t traced(void (*body)(void), long options)
{
	int go[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(go), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(go[1]);
		if (read(go[0], &byte, 1) == 0)
			body();
		_exit(99);
	}
	assert_int_equal(ptrace(PTRACE_SEIZE, pid, NULL, options), 0);
	close(go[0]);
	close(go[1]);
	return pid;
}

static struct event next(pid_t pid)
{
	struct event event;
	int status;

	assert_int_equal(waitpid(pid, &status, __WALL), pid);
	event = event_of_status(status);
	assert_int_equal(event.status, status);
	return event;
}

static void expect(pid_t pid, enum event_kind kind)
{
	assert_int_equal(next(pid).kind, kind);
}

static void expect_signal(pid_t pid, enum event_kind kind, int sig)
{
	struct event event = next(pid);

	assert_int_equal(event.kind, kind);
	assert_int_equal(event.sig, sig);
}

static void expect_exit(pid_t pid, int code)
{
	struct event event = next(pid);

	assert_int_equal(event.kind, EV_EXITED);
	assert_true(WIFEXITED(event.status));
	assert_int_equal(WEXITSTATUS(event.status), code);
}

static void go_on(pid_t pid, int sig)
{
	assert_int_equal(ptrace(PTRACE_CONT, pid, NULL, (long)sig), 0);
}

static pid_t new_one(pid_t pid)
{
	unsigned long message;

	assert_int_equal(ptrace(PTRACE_GETEVENTMSG, pid, NULL, &message), 0);
	return message;
}

static void exit_7(void)
{
	_exit(7);
}

static void exits(void **state)
{
	(void)state;
	expect_exit(traced(exit_7, OPTIONS), 7);
}

static void kill_self(void)
{
	kill(getpid(), SIGKILL);
}

static void is_killed(void **state)
{
	(void)state;
	expect_signal(traced(kill_self, OPTIONS), EV_KILLED, SIGKILL);
}

static void terminate_self(void)
{
	raise(SIGTERM);
	_exit(5);
}

static void signal_is_delivered(void **state)
{
	pid_t pid = traced(terminate_self, OPTIONS);

	(void)state;
	expect_signal(pid, EV_SIGNAL, SIGTERM);
	go_on(pid, SIGTERM);
	expect_signal(pid, EV_KILLED, SIGTERM);
}

static void signal_is_withheld(void **state)
{
	pid_t pid = traced(terminate_self, OPTIONS);

	(void)state;
	expect_signal(pid, EV_SIGNAL, SIGTERM);
	go_on(pid, 0);
	expect_exit(pid, 5);
}

static void raise_last_realtime(void)
{
	raise(SIGRTMAX);
	_exit(0);
}

static void realtime_signal_is_a_signal(void **state)
{
	pid_t pid = traced(raise_last_realtime, OPTIONS);

	(void)state;
	expect_signal(pid, EV_SIGNAL, SIGRTMAX);
	go_on(pid, 0);
	expect_exit(pid, 0);
}

static void meet_trap(void)
{
	__asm__ volatile("int3");
	raise(SIGTRAP);
	_exit(3);
}

static void traps(void **state)
{
	pid_t pid = traced(meet_trap, OPTIONS);

	(void)state;
	expect_signal(pid, EV_TRAP, SIGTRAP);
	go_on(pid, 0);
	expect_signal(pid, EV_TRAP, SIGTRAP);
	go_on(pid, 0);
	expect_exit(pid, 3);
}

static void stop_self(void)
{
	raise(SIGSTOP);
	_exit(4);
}

static void group_stop_and_continue(void **state)
{
	pid_t pid = traced(stop_self, OPTIONS);

	(void)state;
	expect_signal(pid, EV_SIGNAL, SIGSTOP);
	go_on(pid, SIGSTOP);
	expect_signal(pid, EV_GROUP_STOP, SIGSTOP);
	assert_int_equal(ptrace(PTRACE_LISTEN, pid, NULL, NULL), 0);
	kill(pid, SIGCONT);
	expect(pid, EV_STOP);
	go_on(pid, 0);
	expect_signal(pid, EV_SIGNAL, SIGCONT);
	go_on(pid, SIGCONT);
	expect_exit(pid, 4);
}

static void wait_for_ever(void)
{
	for (;;)
		pause();
}

static void is_interrupted(void **state)
{
	pid_t pid = traced(wait_for_ever, OPTIONS);

	(void)state;
	assert_int_equal(ptrace(PTRACE_INTERRUPT, pid, NULL, NULL), 0);
	expect(pid, EV_STOP);
	go_on(pid, 0);
	kill(pid, SIGKILL);
	expect_signal(pid, EV_KILLED, SIGKILL);
}

static void exec_true(void)
{
	execl("/bin/true", "true", NULL);
}

static void execs(void **state)
{
	pid_t pid = traced(exec_true, OPTIONS);

	(void)state;
	expect(pid, EV_EXEC);
	go_on(pid, 0);
	expect_exit(pid, 0);
}

static void fork_one(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(6);
	waitpid(pid, NULL, 0);
	_exit(8);
}

static void forks(void **state)
{
	pid_t pid = traced(fork_one, OPTIONS), child;

	(void)state;
	expect(pid, EV_FORK);
	child = new_one(pid);
	expect(child, EV_STOP);
	go_on(pid, 0);
	go_on(child, 0);
	expect_exit(child, 6);
	expect_signal(pid, EV_SIGNAL, SIGCHLD);
	go_on(pid, 0);
	expect_exit(pid, 8);
}

static void vfork_one(void)
{
	pid_t pid = vfork();

	if (pid == 0)
		_exit(6);
	_exit(8);
}

static void vforks(void **state)
{
	pid_t pid, child;

	(void)state;
	pid = traced(vfork_one, OPTIONS | PTRACE_O_TRACEVFORKDONE);
	expect(pid, EV_VFORK);
	child = new_one(pid);
	expect(child, EV_STOP);
	go_on(pid, 0);
	go_on(child, 0);
	expect_exit(child, 6);
	expect(pid, EV_OTHER); /* the vfork is done */
	kill(pid, SIGKILL);
	expect_signal(pid, EV_KILLED, SIGKILL);
}

static void *do_nothing(void *arg)
{
	return arg;
}

static void start_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, do_nothing, NULL) != 0)
		_exit(1);
	pthread_join(thread, NULL);
	_exit(9);
}

static void starts_a_thread(void **state)
{
	pid_t pid = traced(start_thread, OPTIONS), thread;

	(void)state;
	expect(pid, EV_CLONE);
	thread = new_one(pid);
	expect(thread, EV_STOP);
	go_on(thread, 0);
	expect_exit(thread, 0); /* were the process ending by then, it would have its status */
	go_on(pid, 0);
	expect_exit(pid, 9);
}

static int stopped(int sig, int ptrace_event)
{
	return ptrace_event << 16 | sig << 8 | 0x7f;
}

static void constructed(void **state)
{
	const struct {
		int status;
		enum event_kind kind;
		int sig;
	} rows[] = {
		{ 0, EV_EXITED, 0 },
		{ 255 << 8, EV_EXITED, 0 },
		{ SIGHUP, EV_KILLED, SIGHUP },
		{ SIGSEGV | 0x80, EV_KILLED, SIGSEGV }, /* with a core */
		{ SIGTRAP, EV_KILLED, SIGTRAP },
		{ 64, EV_KILLED, 64 },
		{ stopped(SIGHUP, 0), EV_SIGNAL, SIGHUP },
		{ stopped(SIGSTOP, 0), EV_SIGNAL, SIGSTOP },
		{ stopped(64, 0), EV_SIGNAL, 64 },
		{ stopped(SIGTRAP, 0), EV_TRAP, SIGTRAP },
		{ stopped(SIGSTOP, PTRACE_EVENT_STOP), EV_GROUP_STOP, SIGSTOP },
		{ stopped(SIGTSTP, PTRACE_EVENT_STOP), EV_GROUP_STOP, SIGTSTP },
		{ stopped(SIGTTIN, PTRACE_EVENT_STOP), EV_GROUP_STOP, SIGTTIN },
		{ stopped(SIGTTOU, PTRACE_EVENT_STOP), EV_GROUP_STOP, SIGTTOU },
		{ stopped(SIGTRAP, PTRACE_EVENT_STOP), EV_STOP, SIGTRAP },
		{ stopped(SIGTRAP, PTRACE_EVENT_EXEC), EV_EXEC, SIGTRAP },
		{ stopped(SIGTRAP, PTRACE_EVENT_FORK), EV_FORK, SIGTRAP },
		{ stopped(SIGTRAP, PTRACE_EVENT_VFORK), EV_VFORK, SIGTRAP },
		{ stopped(SIGTRAP, PTRACE_EVENT_CLONE), EV_CLONE, SIGTRAP },
		{ stopped(SIGTRAP, PTRACE_EVENT_VFORK_DONE), EV_OTHER, SIGTRAP },
		{ stopped(SIGTRAP, PTRACE_EVENT_EXIT), EV_OTHER, SIGTRAP },
		{ stopped(SIGTRAP, PTRACE_EVENT_SECCOMP), EV_OTHER, SIGTRAP },
		{ 0xffff, EV_OTHER, 0 }, /* WIFCONTINUED */
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct event event = event_of_status(rows[i].status);

		if (event.kind != rows[i].kind || event.sig != rows[i].sig)
			fail_msg("%#x: kind %d, signal %d", rows[i].status, event.kind,
				 event.sig);
		assert_int_equal(event.status, rows[i].status);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exits),
		cmocka_unit_test(is_killed),
		cmocka_unit_test(signal_is_delivered),
		cmocka_unit_test(signal_is_withheld),
		cmocka_unit_test(realtime_signal_is_a_signal),
		cmocka_unit_test(traps),
		cmocka_unit_test(group_stop_and_continue),
		cmocka_unit_test(is_interrupted),
		cmocka_unit_test(execs),
		cmocka_unit_test(forks),
		cmocka_unit_test(vforks),
		cmocka_unit_test(starts_a_thread),
		cmocka_unit_test(constructed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
