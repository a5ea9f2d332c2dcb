/* What signals do to a program, told so that it reads the same every time.
 *
 * signals: "ready PID", a line on stdin, then one line for each thing that happened.
 * signals watched: the same of a child with four threads that allocate and that its
 * parent stops and continues; "ready PARENT CHILD".
 * In a process group of its own: SIGTSTP stops none that is orphaned. */
#include "since.h"

#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>

enum { TICKS = 20, STOPS = 40, THREADS = 4 };

static volatile sig_atomic_t came;

static void must(bool done)
{
	if (!done)
		abort();
}

static noipa void allocate(void)
{
	void *blocks[16];

	for (size_t i = 0; i < 16; i++)
		blocks[i] = malloc(16 + 100 * i);
	for (size_t i = 0; i < 16; i++)
		free(blocks[i]);
}

static void handle_with(int number, void (*with)(int, siginfo_t *, void *), int flags)
{
	struct sigaction action = { .sa_flags = SA_SIGINFO | flags };

	action.sa_sigaction = with;
	must(sigaction(number, &action, NULL) == 0);
}

static sigset_t set_of(int number)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, number);
	return set;
}

static void block(int number)
{
	sigset_t set = set_of(number);

	must(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
}

static void unblock(int number)
{
	sigset_t set = set_of(number);

	must(pthread_sigmask(SIG_UNBLOCK, &set, NULL) == 0);
}

static void tell(int number, siginfo_t *info, void *context)
{
	(void)context;
	if (number != SIGTRAP) /* a trap in SIGTRAP's own handler would reset it */
		allocate();
	came++;
	say("  signal %ld ", number);
	say("code %ld ", info->si_code);
	say("from itself %ld\n", info->si_code <= 0 && info->si_pid == getpid());
}

/* ---- traps ---------------------------------------------------------------------- */

extern char after_int3[];

static void tell_trap(int number, siginfo_t *info, void *context)
{
	const ucontext_t *at = context;

	tell(number, info, context);
	if (info->si_code == SI_KERNEL)
		say("  behind the int3 %ld\n",
		    at->uc_mcontext.gregs[REG_RIP] == (greg_t)after_int3);
}

static noipa void execute_int3(void)
{
	__asm__ volatile("int3\n.globl after_int3\nafter_int3:" ::: "memory");
}

static void traps(void)
{
	handle_with(SIGTRAP, tell_trap, 0);
	say("raise %ld\n", raise(SIGTRAP));
	allocate();
	say("kill %ld\n", kill(getpid(), SIGTRAP));
	for (int i = 0; i < 3; i++) {
		execute_int3();
		allocate();
	}
}

static void blocked_trap(void)
{
	sigset_t pending;

	block(SIGTRAP);
	raise(SIGTRAP);
	sigpending(&pending);
	say("SIGTRAP pending %ld\n", sigismember(&pending, SIGTRAP));
	unblock(SIGTRAP);
	allocate();
}

/* ---- handlers ---------------------------------------------------------------------- */

static void raise_next(int number, siginfo_t *info, void *context)
{
	tell(number, info, context);
	raise(number == SIGUSR1 ? SIGUSR2 : SIGTRAP);
	say("  back in %ld\n", number);
	allocate();
}

static void nested(void)
{
	handle_with(SIGUSR1, raise_next, 0);
	handle_with(SIGUSR2, raise_next, 0);
	raise(SIGUSR1);
}

static char other_stack[1 << 16];

static void tell_stack(int number, siginfo_t *info, void *context)
{
	stack_t stack;
	char here;

	tell(number, info, context);
	sigaltstack(NULL, &stack);
	say("  on the other stack %ld ", &here >= other_stack &&
	                                 &here < other_stack + sizeof(other_stack));
	say("flags %ld\n", stack.ss_flags);
}

static void alternate_stack(void)
{
	stack_t stack = { .ss_sp = other_stack, .ss_size = sizeof(other_stack) };

	must(sigaltstack(&stack, NULL) == 0);
	handle_with(SIGUSR1, tell_stack, SA_ONSTACK);
	raise(SIGUSR1);
	handle_with(SIGUSR1, tell_stack, 0);
	raise(SIGUSR1);
}

static void odd_flags(void)
{
	struct sigaction now;

	handle_with(SIGUSR1, tell, SA_RESETHAND);
	raise(SIGUSR1);
	sigaction(SIGUSR1, NULL, &now);
	say("default again %ld\n", now.sa_handler == SIG_DFL);
	signal(SIGUSR1, SIG_IGN);
	raise(SIGUSR1);
	allocate();
}

static void queued(void)
{
	union sigval value = { .sival_int = 7 };

	handle_with(SIGRTMIN, tell, 0);
	block(SIGRTMIN);
	for (int i = 0; i < 3; i++)
		must(sigqueue(getpid(), SIGRTMIN, value) == 0);
	allocate();
	came = 0;
	unblock(SIGRTMIN);
	say("queued %ld\n", came);
}

/* ---- time ----------------------------------------------------------------------------- */

static int pipe_[2];

static void set_timer(int us)
{
	struct itimerval timer = { { 0, us }, { 0, us } };

	must(setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

static void count_tick(int number unused, siginfo_t *info unused, void *context unused)
{
	allocate();
	if (++came == 3)
		must(write(pipe_[1], "", 1) == 1);
}

/* The third tick writes what is read: without SA_RESTART, the first ends the call. */
static void restart(int flags)
{
	ssize_t got;
	char c;

	must(pipe(pipe_) == 0);
	handle_with(SIGALRM, count_tick, flags);
	came = 0;
	set_timer(20000);
	got = read(pipe_[0], &c, 1);
	say("read %ld ", got);
	say("interrupted %ld\n", got < 0 && errno == EINTR);
	while (came < 3)
		; /* the handler allocates: nothing here may */
	set_timer(0);
}

static void ticks(void)
{
	sigset_t none;

	sigemptyset(&none);
	handle_with(SIGALRM, count_tick, 0);
	block(SIGALRM);
	came = 100;
	set_timer(1000);
	while (came < 100 + TICKS) {
		must(sigsuspend(&none) < 0 && errno == EINTR);
		allocate();
	}
	set_timer(0);
	unblock(SIGALRM); /* the last may be pending */
	block(SIGALRM);
	say("ticks enough %ld\n", came >= 100 + TICKS);
	came = 100;
	alarm(1);
	while (came == 100)
		sigsuspend(&none);
	say("alarm left %ld\n", alarm(0));
	unblock(SIGALRM);
}

/* ---- waiting for them ------------------------------------------------------------------- */

static void *wait_in_thread(void *argument unused)
{
	sigset_t set = set_of(SIGUSR2);
	siginfo_t info;

	for (int i = 0; i < 3; i++) {
		int number = sigwaitinfo(&set, &info);

		allocate();
		say("thread got %ld ", number);
		say("code %ld\n", info.si_code);
		must(write(pipe_[1], "", 1) == 1);
	}
	return NULL;
}

static void waited_for(void)
{
	pthread_t thread;
	char c;

	must(pipe(pipe_) == 0);
	block(SIGUSR2);
	must(pthread_create(&thread, NULL, wait_in_thread, NULL) == 0);
	for (int i = 0; i < 3; i++) {
		allocate();
		pthread_kill(thread, SIGUSR2);
		must(read(pipe_[0], &c, 1) == 1);
	}
	pthread_join(thread, NULL);
}

static void tell_child(siginfo_t *info)
{
	sigset_t set = set_of(SIGCHLD);

	must(sigwaitinfo(&set, info) == SIGCHLD);
	say("SIGCHLD code %ld ", info->si_code);
	say("status %ld\n", info->si_status);
}

static void tell_wait(pid_t child, int options)
{
	int status;

	allocate();
	must(waitpid(child, &status, options) == child);
	say("waitpid status %ld\n", status);
}

static void stopping_child(void)
{
	sigset_t set;
	siginfo_t info;
	pid_t child;

	block(SIGCHLD);
	child = fork();
	if (!child) {
		raise(SIGSTOP);
		_exit(5);
	}
	tell_child(&info);
	tell_wait(child, WUNTRACED);
	kill(child, SIGCONT);
	/* the end may come before the continuation is told: only waitpid tells both */
	tell_wait(child, 0);
	set = set_of(SIGCHLD);
	sigwaitinfo(&set, &info);
	unblock(SIGCHLD);
}

/* ---- stopped itself ------------------------------------------------------------------------ */

static char state_of(pid_t pid)
{
	char path[32], text[256];
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY);
	got = read(fd, text, sizeof(text) - 1);
	close(fd);
	must(got > 0);
	text[got] = '\0';
	return strrchr(text, ')')[2];
}

/* A tracer stops it too, but not between the byte and the signal. */
static void stopped(int with)
{
	pid_t self = getpid(), helper;
	char c;

	must(pipe(pipe_) == 0);
	helper = fork();
	if (!helper) {
		must(read(pipe_[0], &c, 1) == 1);
		while (state_of(self) != 'T' && state_of(self) != 't')
			usleep(1000);
		kill(self, SIGCONT);
		_exit(0);
	}
	handle_with(SIGCONT, tell, SA_RESTART);
	came = 0;
	must(write(pipe_[1], "", 1) == 1);
	raise(with);
	say("went on, SIGCONT came %ld\n", came);
	tell_wait(helper, 0);
}

static const struct {
	const char *name;
	void (*run)(void);
} chapters[] = {
	{ "traps", traps },
	{ "blocked trap", blocked_trap },
	{ "nested", nested },
	{ "alternate stack", alternate_stack },
	{ "odd flags", odd_flags },
	{ "queued", queued },
	{ "ticks", ticks },
	{ "waited for", waited_for },
	{ "stopping child", stopping_child },
};

static void tell_all(void)
{
	for (size_t i = 0; i < sizeof(chapters) / sizeof(chapters[0]); i++) {
		say(chapters[i].name, 0);
		say("\n", 0);
		allocate();
		chapters[i].run();
	}
	say("restart\n", 0);
	restart(SA_RESTART);
	restart(0);
	say("stopped\n", 0);
	stopped(SIGSTOP);
	signal(SIGTSTP, SIG_DFL);
	stopped(SIGTSTP);
}

/* ---- watched ---------------------------------------------------------------------------------- */

static volatile sig_atomic_t ending;

static void end(int number unused)
{
	ending = 1;
}

static void *allocate_on(void *argument unused)
{
	while (!ending)
		allocate();
	return NULL;
}

static _Noreturn void be_watched(int ready)
{
	pthread_t threads[THREADS];

	signal(SIGTERM, end);
	for (int i = 0; i < THREADS; i++)
		must(pthread_create(&threads[i], NULL, allocate_on, NULL) == 0);
	must(write(ready, "", 1) == 1);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	_exit(6);
}

static int watch(void)
{
	long stops = 0, continuations = 0;
	int status;
	pid_t child;
	char c;

	must(pipe(pipe_) == 0);
	child = fork();
	if (!child)
		be_watched(pipe_[1]);
	must(read(pipe_[0], &c, 1) == 1);
	say("ready %ld ", getpid());
	say("%ld\n", child);
	await_line();
	for (int i = 0; i < STOPS; i++) {
		must(kill(child, SIGSTOP) == 0 && waitpid(child, &status, WUNTRACED) == child);
		stops += WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP;
		must(kill(child, SIGCONT) == 0 && waitpid(child, &status, WCONTINUED) == child);
		continuations += WIFCONTINUED(status);
	}
	say("stopped %ld ", stops);
	say("continued %ld\n", continuations);
	kill(child, SIGTERM);
	tell_wait(child, 0);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "watched"))
		return watch();
	say("ready %ld\n", getpid());
	await_line();
	tell_all();
	say("done\n", 0);
	return 3;
}
