/* kin MODE [ARG]: processes that are each other's kin. Each states what it does itself.
 * FIFO: a named pipe from which each process that waits reads one byte.
 *   daemon FIFO  a grandchild that waits and outlives the others
 *   wait FIFO    parent and child wait, then use memory
 *   late FIFO    waits, then forks a child that uses memory; and again, to the end of input
 *   leak N       the child leaves N blocks, the parent none
 *   crowd N      N children that live at the same time
 *   handler N    a signal handler forks N times, wherever malloc is
 *   killed N     a child that forks without end is killed, N times */
#include "truth.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

ALLOCATOR(elder_take, T_MALLOC, malloc(size))
ALLOCATOR(kin_take, T_MALLOC, malloc(size))

static void use_memory(void)
{
	for (size_t i = 0; i < 100; i++)
		if (i % 10)
			give(kin_take(100 + i));
		else
			kin_take(200);
}

static pid_t fork_child(void)
{
	pid_t child = fork();

	if (!child)
		truth_child();
	return child;
}

static void await(pid_t child, int wanted)
{
	int status;

	if (waitpid(child, &status, 0) < 0 || !WIFEXITED(status) ||
	    WEXITSTATUS(status) != wanted)
		abort();
}

/* False: the input has ended. */
static bool wait_for_word(int fifo)
{
	char byte;

	say("ready %ld\n", getpid());
	return read(fifo, &byte, 1) == 1;
}

static int open_fifo(const char *path)
{
	int fifo = open(path, O_RDONLY | O_CLOEXEC);

	if (fifo < 0)
		abort();
	return fifo;
}

/* ---- modes ------------------------------------------------------------------- */

static int be_daemon(const char *path)
{
	struct block block = elder_take(1000);
	pid_t child = fork_child();

	if (child) {
		await(child, 8);
		give(block);
		truth_write();
		return 5;
	}
	setsid();
	kin_take(7);
	child = fork_child();
	if (child) {
		truth_write();
		_exit(8);
	}
	use_memory();
	wait_for_word(open_fifo(path));
	use_memory();
	truth_write();
	_exit(7);
}

static int wait_together(const char *path)
{
	struct block block = elder_take(1000);
	pid_t child = fork_child();

	wait_for_word(open_fifo(path));
	use_memory();
	if (child)
		await(child, 4);
	give(block);
	truth_write();
	return child ? 6 : 4;
}

static int fork_late(const char *path)
{
	int fifo = open_fifo(path);

	elder_take(1000);
	while (wait_for_word(fifo)) {
		pid_t child = fork_child();

		if (!child) {
			use_memory();
			truth_write();
			_exit(3);
		}
		await(child, 3);
	}
	truth_write();
	return 0;
}

static int leave_blocks(const char *count)
{
	pid_t child = fork_child();

	if (child) {
		await(child, 0);
		return 0;
	}
	for (int i = atoi(count); i-- > 0;)
		kin_take(10);
	return 0;
}

static int crowd(const char *count)
{
	int ends[2], n = atoi(count);
	struct rlimit limit;
	char byte;

	if (pipe(ends) || getrlimit(RLIMIT_NOFILE, &limit))
		abort();
	say("files %ld\n", (long)limit.rlim_cur);
	for (int i = 0; i < n; i++) {
		if (fork_child())
			continue;
		close(ends[1]);
		kin_take(30);
		if (read(ends[0], &byte, 1) != 0)
			abort();
		give(kin_take(20));
		truth_write();
		_exit(2);
	}
	close(ends[1]);
	for (int i = 0; i < n; i++)
		await(-1, 2);
	truth_write();
	return 0;
}

static volatile sig_atomic_t forks, is_child;

/* Past libc, which would take the locks of the allocator that was interrupted. */
static void fork_in_handler(int sig)
{
	(void)sig;
	if (is_child || forks <= 0)
		return;
	forks--;
	if (syscall(SYS_fork) == 0)
		is_child = 1;
}

static void work_until_forked(void)
{
	const struct itimerval often = { { 0, 3000 }, { 0, 3000 } };

	setitimer(ITIMER_REAL, &often, NULL);
	while (forks > 0 && !is_child)
		give(kin_take(100));
}

static int fork_in_a_handler(const char *count)
{
	const struct itimerval never = { 0 };
	int n = atoi(count);

	forks = n;
	signal(SIGALRM, fork_in_handler);
	work_until_forked();
	setitimer(ITIMER_REAL, &never, NULL);
	if (is_child) {
		truth_is_child = true; /* its sums are its parent's and its own */
		give(kin_take(30));
		truth_write();
		_exit(9);
	}
	for (int i = 0; i < n; i++)
		if (wait(NULL) < 0)
			abort();
	truth_write();
	return 0;
}

static _Noreturn void fork_without_end(void)
{
	for (;;) {
		pid_t child = fork();

		if (!child)
			_exit(0);
		give(kin_take(100));
		waitpid(child, NULL, 0);
	}
}

static int be_killed(const char *count)
{
	int status;

	for (int i = 0; i < atoi(count); i++) {
		pid_t child = fork();

		if (!child)
			fork_without_end();
		usleep(1000 + i * 97 % 5000);
		if (kill(child, SIGKILL) || waitpid(child, &status, 0) != child ||
		    !WIFSIGNALED(status))
			abort();
	}
	truth_write();
	return 0;
}

static const struct mode {
	const char *name;
	int (*run)(const char *arg);
} modes[] = {
	{ "daemon", be_daemon },   { "wait", wait_together }, { "late", fork_late },
	{ "leak", leave_blocks },  { "crowd", crowd },        { "handler", fork_in_a_handler },
	{ "killed", be_killed },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 2 && i < sizeof(modes) / sizeof(modes[0]); i++)
		if (!strcmp(modes[i].name, argv[1]))
			return modes[i].run(argv[2]);
	return 2;
}
