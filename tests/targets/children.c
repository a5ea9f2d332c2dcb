/* children KIND [TIMES]: makes children of one kind and prints how each ended. The
 * parent allocates before, between and after, and states that; a child with memory
 * of its own states what it does itself. Whatever a child finds wrong with its
 * memory shows in its status. */
#include "truth.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { REPEATS = 10, STACK = 1 << 17 };

extern char **environ;

ALLOCATOR(parent_take, T_MALLOC, malloc(size))
ALLOCATOR(thread_take, T_MALLOC, malloc(size))
/* Not counted by the markers above: a child's, wherever its memory is. */
ALLOCATOR(child_take, T_MALLOC, malloc(size))
ALLOCATOR(child_clear, T_CALLOC, calloc(1, size))

MARKER(child_resize);
static noipa struct block child_resize(struct block old, size_t size)
{
	return retook(&child_resize_marker, T_REALLOC, old, realloc(old.at, size), size);
}

/* ---- what a child does ---------------------------------------------------- */

static bool is_filled(const unsigned char *at, unsigned char value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (at[i] != value)
			return false;
	return true;
}

static noipa bool use_memory(unsigned rounds)
{
	struct block block;
	size_t size;

	for (unsigned i = 1; i < rounds; i++) {
		size = 1 + i * 37 % 4000;
		block = child_take(size);
		memset(block.at, (int)(i & 255), size);
		block = child_resize(block, size * 2);
		if (!is_filled(block.at, i & 255, size))
			return false;
		give(block);
		give(child_clear(size * 3));
	}
	return true;
}

static void *use_memory_in_a_thread(void *good)
{
	*(bool *)good = use_memory(2000);
	return NULL;
}

static void shell(const char *script)
{
	execl("/bin/sh", "sh", "-c", script, (char *)NULL);
	_exit(127);
}

/* A child whose memory is its own. */
static pid_t fork_child(void)
{
	pid_t child = fork();

	if (!child)
		truth_child();
	return child;
}

static _Noreturn void end(int status)
{
	truth_write();
	_exit(status);
}

/* ---- how the parent sees it end ------------------------------------------- */

static void tell(const char *what, int status)
{
	char text[64];

	snprintf(text, sizeof(text), "%s %s %%ld\n", what,
	         WIFEXITED(status)     ? "exited"
	         : WIFSIGNALED(status) ? "killed"
	                               : "stopped");
	say(text, WIFEXITED(status)     ? WEXITSTATUS(status)
	          : WIFSIGNALED(status) ? WTERMSIG(status)
	                                : WSTOPSIG(status));
}

static void await(pid_t child, const char *what)
{
	int status;

	if (child < 0 || waitpid(child, &status, __WALL) != child)
		abort();
	tell(what, status);
}

/* ---- kinds ------------------------------------------------------------------ */

static void fork_and_exit(void)
{
	pid_t child = fork_child();

	if (!child)
		end(3);
	await(child, "fork");
}

static void fork_and_allocate(void)
{
	pid_t child = fork_child();
	int status;

	if (!child) {
		status = use_memory(20000) ? 4 : 99;
		truth_write();
		exit(status);
	}
	await(child, "fork-malloc");
}

static void fork_and_start_threads(void)
{
	pthread_t threads[3];
	bool good[3];
	pid_t child = fork_child();

	if (child) {
		await(child, "fork-threads");
		return;
	}
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, use_memory_in_a_thread, &good[i]);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	truth_write();
	exit(good[0] && good[1] && good[2] ? 5 : 99);
}

static void fork_and_execute(void)
{
	pid_t child = fork_child();

	if (!child)
		shell("echo executed; exit 6");
	await(child, "fork-exec");
}

static void fork_a_grandchild(void)
{
	pid_t child = fork_child();

	if (!child) {
		child = fork_child();
		if (!child)
			end(use_memory(500) ? 7 : 99);
		await(child, "grandchild");
		end(8);
	}
	await(child, "fork-fork");
}

/* The grandchild outlives its parent; the pipe says when it has ended. */
static void fork_an_orphan(void)
{
	int ends[2];
	char word = 0;
	pid_t child;

	if (pipe(ends))
		abort();
	child = fork_child();
	if (!child) {
		if (fork_child())
			end(9);
		word = use_memory(500) ? 'g' : 'b';
		end(write(ends[1], &word, 1) != 1);
	}
	close(ends[1]);
	await(child, "orphan's parent");
	if (read(ends[0], &word, 1) != 1)
		abort();
	say("orphan good %ld\n", word == 'g');
	close(ends[0]);
}

static void fork_and_stop(void)
{
	int status;
	pid_t child = fork_child();

	if (!child) {
		raise(SIGSTOP);
		end(10);
	}
	if (waitpid(child, &status, WUNTRACED) != child)
		abort();
	tell("fork-stop", status);
	kill(child, SIGCONT);
	await(child, "fork-stop");
}

static void fork_and_be_killed(void)
{
	pid_t child = fork_child();

	if (!child) {
		use_memory(100);
		truth_write();
		raise(SIGTERM);
		end(99);
	}
	await(child, "fork-kill");
}

static volatile bool churning;

static void *churn(void *unused_argument)
{
	(void)unused_argument;
	while (__atomic_load_n(&churning, __ATOMIC_RELAXED))
		give(thread_take(300));
	return NULL;
}

static void fork_undumpable(void)
{
	pid_t child;

	if (prctl(PR_SET_DUMPABLE, 0))
		abort();
	child = fork_child();
	if (!child) {
		if (prctl(PR_GET_DUMPABLE))
			end(98);
		child = fork_child();
		if (!child)
			end(use_memory(500) ? 22 : 99);
		await(child, "grandchild");
		end(use_memory(2000) ? 23 : 99);
	}
	await(child, "fork-undumpable");
}

static void fork_among_threads(void)
{
	pthread_t threads[4];
	pid_t child;

	churning = true;
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, churn, NULL);
	for (int i = 0; i < 5 * REPEATS; i++) {
		child = fork_child();
		if (!child)
			end(use_memory(100) ? 11 : 99);
		await(child, "fork among threads");
	}
	churning = false;
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}

static void vfork_and_exit(void)
{
	pid_t child = vfork();

	if (!child)
		_exit(12);
	await(child, "vfork-exit");
}

static void vfork_and_execute(void)
{
	pid_t child = vfork();

	if (!child)
		shell("echo executed; exit 13");
	await(child, "vfork-exec");
}

static void vfork_allocate_and_exit(void)
{
	pid_t child = vfork();

	if (!child)
		_exit(use_memory(50) ? 14 : 99);
	await(child, "vfork-malloc-exit");
}

static void vfork_allocate_and_execute(void)
{
	pid_t child = vfork();

	if (!child) {
		if (!use_memory(50))
			_exit(99);
		shell("echo executed; exit 15");
	}
	await(child, "vfork-malloc-exec");
}

static void spawn(void)
{
	char *argv[] = { "sh", "-c", "echo spawned; exit 16", NULL };
	posix_spawn_file_actions_t actions;
	pid_t child;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addclose(&actions, 0);
	if (posix_spawn(&child, "/bin/sh", &actions, NULL, argv, environ))
		abort();
	posix_spawn_file_actions_destroy(&actions);
	await(child, "posix_spawn");
}

/* The file of that name in the working folder, by its folder's descriptor. */
static void vfork_and_execute_in_folder(void)
{
	char *argv[] = { "program", "-u", NULL };
	int folder = open(".", O_PATH);
	pid_t child = vfork();

	if (!child) {
		syscall(SYS_execveat, folder, "program", argv, environ, 0);
		_exit(127);
	}
	close(folder);
	await(child, "vfork-execveat");
}

static void by_system(void)

{
	tell("system", system("echo by system; exit 17"));
}

static void by_popen(void)
{
	char word[16] = "";
	FILE *stream = popen("echo piped; exit 18", "r");

	if (!stream || !fgets(word, sizeof(word), stream) || strcmp(word, "piped\n"))
		abort();
	tell("popen", pclose(stream));
}

/* Cloned with these flags. */
static _Noreturn void end_clone(const int *flags, int status)
{
	if (*flags & CLONE_VM)
		_exit(status);
	end(status);
}

static int cloned_exit(void *flags)
{
	if (!(*(int *)flags & CLONE_VM))
		truth_child();
	end_clone(flags, 19);
}

static int cloned_allocate(void *flags)
{
	if (!(*(int *)flags & CLONE_VM))
		truth_child();
	end_clone(flags, use_memory(200) ? 20 : 99);
}

static int cloned_execute(void *unused_argument)
{
	(void)unused_argument;
	shell("echo executed; exit 21");
	return 99;
}

static void clone_with(int flags, int (*child)(void *), const char *what)
{
	static _Alignas(16) char stack[STACK];

	await(clone(child, stack + STACK, flags, &flags), what);
}

static void clone_a_copy(void)
{
	clone_with(SIGCHLD, cloned_exit, "clone");
	clone_with(SIGCHLD, cloned_allocate, "clone-malloc");
	clone_with(SIGCHLD, cloned_execute, "clone-exec");
	clone_with(0, cloned_allocate, "clone without a signal");
}

static void clone_sharing_memory(void)
{
	clone_with(CLONE_VM | SIGCHLD, cloned_exit, "clone-vm");
	clone_with(CLONE_VM | SIGCHLD, cloned_allocate, "clone-vm-malloc");
	clone_with(CLONE_VM | SIGCHLD, cloned_execute, "clone-vm-exec");
	clone_with(CLONE_VM | CLONE_FILES | CLONE_FS | SIGCHLD, cloned_allocate, "clone-vm-files");
	clone_with(CLONE_VM | CLONE_VFORK | SIGCHLD, cloned_execute, "clone-vm-vfork-exec");
}

static const struct kind {
	const char *name;
	void (*make)(void);
} kinds[] = {
	{ "fork", fork_and_exit },
	{ "fork-malloc", fork_and_allocate },
	{ "fork-threads", fork_and_start_threads },
	{ "fork-exec", fork_and_execute },
	{ "fork-fork", fork_a_grandchild },
	{ "orphan", fork_an_orphan },
	{ "fork-stop", fork_and_stop },
	{ "fork-kill", fork_and_be_killed },
	{ "fork-undumpable", fork_undumpable },
	{ "fork-among-threads", fork_among_threads },
	{ "vfork-exit", vfork_and_exit },
	{ "vfork-exec", vfork_and_execute },
	{ "vfork-malloc-exit", vfork_allocate_and_exit },
	{ "vfork-malloc-exec", vfork_allocate_and_execute },
	{ "vfork-execveat", vfork_and_execute_in_folder },
	{ "spawn", spawn },
	{ "system", by_system },
	{ "popen", by_popen },
	{ "clone", clone_a_copy },
	{ "clone-vm", clone_sharing_memory },
};

static void make(const struct kind *kind, int times)
{
	struct block block;

	for (int i = 0; i < times; i++) {
		block = parent_take(100);
		kind->make();
		if (i & 1)
			give(block);
		parent_take(7);
	}
}

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].name, argv[1]))
			continue;
		make(&kinds[i], argc > 2 ? atoi(argv[2]) : REPEATS);
		truth_write();
		return 0;
	}
	return 2;
}
