/* unseen KIND: beside threads that work, sleep and wait, begins a child that no tracer is told of
 * (CLONE_UNTRACED) and says how it ended. KIND: `helper`, in the same memory, which stops every
 * thread by ptrace, as LeakSanitizer's does; `borrower`, which allocates there while its parent
 * waits; `copy`, which allocates in a copy. With a second word it first says "ready PID" and
 * waits for a line. Two more do it beside a thread that cannot be stopped: `leaderless`, whose
 * first thread has ended, and `vforked`, of which a thread's child waits for what comes after. */
#include "truth.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

enum { BLOCKS = 500, KEPT = 20, WORKERS = 2, STACK = 1 << 18, THREADS = WORKERS + 3 };

ALLOCATOR(main_take, T_MALLOC, malloc(size))

static sem_t never;
static volatile bool over;

static void *sleep_on(void *unused_argument)
{
	(void)unused_argument;
	while (sem_wait(&never) < 0)
		;
	return NULL;
}

static void *wait_for_input(void *unused_argument)
{
	char byte;

	(void)unused_argument;
	return (void *)(intptr_t)read(*(int *)unused_argument, &byte, 1);
}

static void *work(void *unused_argument)
{
	(void)unused_argument;
	while (!over)
		free(truth_keep(malloc(100)));
	return NULL;
}

/* ---- what the child does ------------------------------------------------------------------- */

static int stop_and_go(pid_t tid)
{
	int status;

	if (ptrace(PTRACE_ATTACH, tid, 0, 0) < 0)
		return 1;
	if (waitpid(tid, &status, __WALL) != tid || !WIFSTOPPED(status))
		return 2;
	return ptrace(PTRACE_DETACH, tid, 0, 0) < 0 ? 3 : 0;
}

static bool maps_well(void)
{
	void *at = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at != MAP_FAILED && munmap(at, STACK) == 0;
}

static int parents[THREADS];

static int be_helper(void *unused_argument)
{
	(void)unused_argument;
	for (int i = 0; i < THREADS; i++) {
		int error = stop_and_go(parents[i]);

		if (error)
			return 10 * (i + 1) + error;
	}
	return maps_well() ? 7 : 9;
}

static int allocate(void *unused_argument)
{
	(void)unused_argument;
	for (size_t size = 1; size < 3000; size++)
		free(truth_keep(malloc(size)));
	return maps_well() ? 7 : 9;
}

static const struct kind {
	const char *name;
	int flags;
	int (*run)(void *);
} kinds[] = {
	{ "helper", CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_UNTRACED, be_helper },
	{ "borrower", CLONE_VM | CLONE_VFORK | CLONE_UNTRACED | SIGCHLD, allocate },
	{ "copy", CLONE_UNTRACED | SIGCHLD, allocate },
};

/* ---- what the parent does ------------------------------------------------------------------ */

/* One by one, for each in its list in /proc. */
static void note_threads(void)
{
	DIR *list = opendir("/proc/self/task");
	struct dirent *entry;
	int count = 0;

	while (list && (entry = readdir(list)))
		if (entry->d_name[0] != '.' && count < THREADS)
			parents[count++] = atoi(entry->d_name);
	if (list)
		closedir(list);
	if (count != THREADS)
		abort();
}

static void begin_threads(void)
{
	static void *(*const runs[])(void *) = { sleep_on, wait_for_input, work, work };
	static int pipe_ends[2];
	pthread_t thread;

	if (pipe(pipe_ends) < 0)
		abort();
	for (int i = 0; i < THREADS - 1; i++)
		if (pthread_create(&thread, NULL, runs[i], pipe_ends) != 0)
			abort();
}

static int child_of(const struct kind *kind)
{
	char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int status;
	pid_t child;

	child = clone(kind->run, stack + STACK, kind->flags, NULL);
	if (child < 0 || waitpid(child, &status, __WALL) != child)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* ---- beside one that cannot be stopped ------------------------------------------------------- */

static int be_there(void *unused_argument)
{
	(void)unused_argument;
	return 7;
}

static const struct kind bare = { "bare", CLONE_VM | CLONE_UNTRACED | SIGCHLD, be_there };

static bool has_state(pid_t tid, const char *states)
{
	char path[64], text[256] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	file = fopen(path, "r");
	if (!file || !fgets(text, sizeof(text), file))
		abort();
	fclose(file);
	return strchr(states, strrchr(text, ')')[2]);
}

static _Noreturn void tell_and_end(int status)
{
	printf("the child ended with %d\n", status);
	fflush(stdout);
	truth_write();
	_exit(3);
}

static void *outlive_the_first(void *unused_argument)
{
	(void)unused_argument;
	while (!has_state(getpid(), "Z"))
		;
	tell_and_end(child_of(&bare));
}

static int gate[2];
static volatile pid_t waits;

static void *wait_in_vfork(void *unused_argument)
{
	char byte;

	(void)unused_argument;
	waits = gettid();
	if (vfork() == 0)
		_exit(read(gate[0], &byte, 1) != 1);
	return NULL;
}

static void beside_leader(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, outlive_the_first, NULL) != 0)
		abort();
	pthread_exit(NULL);
}

static void beside_vfork(void)
{
	pthread_t thread;
	int status;

	if (pipe(gate) < 0 || pthread_create(&thread, NULL, wait_in_vfork, NULL) != 0)
		abort();
	while (!waits || !has_state(waits, "D"))
		;
	status = child_of(&bare);
	if (write(gate[1], "", 1) != 1 || pthread_join(thread, NULL) != 0)
		abort();
	tell_and_end(status);
}

int main(int count, char **words)
{
	struct block blocks[BLOCKS];
	char line[16];

	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	if (count > 2) {
		printf("ready %d\n", getpid());
		fflush(stdout);
		if (!fgets(line, sizeof(line), stdin))
			return 2;
	}
	if (count > 1 && strcmp(words[1], "leaderless") == 0)
		beside_leader();
	if (count > 1 && strcmp(words[1], "vforked") == 0)
		beside_vfork();
	begin_threads();
	note_threads();
	for (int i = 0; i < BLOCKS; i++)
		blocks[i] = main_take(100 + (size_t)i);
	for (int i = KEPT; i < BLOCKS; i++)
		give(blocks[i]);
	for (size_t i = 0; count > 1 && i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strcmp(kinds[i].name, words[1]) == 0)
			printf("the child ended with %d\n", child_of(&kinds[i]));
	fflush(stdout);
	truth_write();
	_exit(3);
}
