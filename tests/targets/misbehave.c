/* misbehave MODE: does to itself what a tracer does not expect, and states what it
 * allocated all the same. */
#include "truth.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

enum { THREADS = 4000, MAPS = 20000, PAGE = 4096 };

ALLOCATOR(before, T_MALLOC, malloc(size))
ALLOCATOR(after, T_MALLOC, malloc(size))

static void close_streams_too(void)
{
	syscall(SYS_close_range, 0, ~0u, 0);
}

static void close_others(void)
{
	syscall(SYS_close_range, 3, ~0u, 0);
}

static void limit(int what, rlim_t to)
{
	const struct rlimit low = { to, to };

	if (setrlimit(what, &low))
		abort();
}

static void limit_memory(void)
{
	limit(RLIMIT_AS, 1 << 20);
	if (malloc(64 << 20))
		abort();
}

static void limit_files(void)
{
	limit(RLIMIT_NOFILE, 0);
}

static void rename_and_move(void)
{
	prctl(PR_SET_NAME, "somebody else");
	if (chdir("/"))
		abort();
}

static void remove_executable(void)
{
	char path[4096];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);

	path[length] = '\0';
	if (unlink(path))
		abort();
}

/* The daemon says how it fares only when its parents are gone. */
static void daemonise(void)
{
	int ends[2];
	char c;

	if (pipe(ends))
		abort();
	if (fork())
		return;
	setsid();
	if (fork())
		_exit(0);
	close(ends[1]);
	prctl(PR_SET_NAME, "daemon");
	while (read(ends[0], &c, 1) > 0)
		;
	for (int i = 1; i < 1000; i++)
		free(realloc(malloc(i), i * 2));
	say("daemon %ld\n", 1);
	_exit(0);
}

static pthread_barrier_t all_there;

static void *one_of_many(void *unused_argument)
{
	(void)unused_argument;
	pthread_barrier_wait(&all_there);
	give(after(100));
	return NULL;
}

static void many_threads(void)
{
	static pthread_t threads[THREADS];
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 << 10);
	pthread_barrier_init(&all_there, NULL, THREADS);
	for (int i = 0; i < THREADS; i++)
		if ((errno = pthread_create(&threads[i], &attr, one_of_many, NULL)))
			exit(errno == EAGAIN ? 77 : 99);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static void many_maps(void)
{
	char *at = mmap(NULL, (size_t)MAPS * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (int i = 0; i < MAPS; i += 2) {
		if (mprotect(at + (size_t)i * PAGE, PAGE, PROT_READ))
			exit(errno == ENOMEM ? 77 : 99);
		if (i % 1000 == 0)
			give(after(50));
	}
}

static const struct {
	const char *name;
	void (*run)(void);
} modes[] = {
	{ "close-streams", close_streams_too }, { "close-others", close_others },
	{ "limit-memory", limit_memory },       { "limit-files", limit_files },
	{ "rename", rename_and_move },          { "remove", remove_executable },
	{ "daemon", daemonise },                { "threads", many_threads },
	{ "maps", many_maps },
};

int main(int argc, char **argv)
{
	before(1000);
	give(before(2000));
	for (size_t i = 0; argc > 1 && i < sizeof(modes) / sizeof(modes[0]); i++)
		if (!strcmp(argv[1], modes[i].name))
			modes[i].run();
	after(300);
	give(after(400));
	memset(argv[0], 'x', strlen(argv[0]));
	return 5;
}
