/* Maps and unmaps in ways whose net effect it knows, each in a function of its own:
 * says "ready PID", maps at a line, says "done", ends at another. `mapper signals`: maps
 * without end, in main and in the handler of a timer, until a line comes. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#define noipa __attribute__((noipa))

enum { PAGE = 4096 };

static const int RW = PROT_READ | PROT_WRITE, ANON = MAP_PRIVATE | MAP_ANONYMOUS;

static void *checked(void *at)
{
	if (at == MAP_FAILED)
		abort();
	return at;
}

static noipa void map_three(void)
{
	for (int i = 0; i < 3; i++)
		checked(mmap(NULL, 10 * PAGE, RW, ANON, -1, 0));
}

static noipa char *map_whole(void)
{
	return checked(mmap(NULL, 16 * PAGE, RW, ANON, -1, 0));
}

static noipa void unmap_parts(char *at)
{
	if (munmap(at, PAGE) || munmap(at + 15 * PAGE, PAGE) || munmap(at + 7 * PAGE, 2 * PAGE))
		abort();
}

static noipa void map_over(char *at) /* 4 pages of the 12 that are left */
{
	checked(mmap(at + 2 * PAGE, 4 * PAGE, PROT_READ, ANON | MAP_FIXED, -1, 0));
}

static noipa char *map_small(void)
{
	return checked(mmap(NULL, 2 * PAGE, RW, ANON, -1, 0));
}

static noipa void resize(char *at)
{
	checked(mremap(at, 2 * PAGE, 50 * PAGE, MREMAP_MAYMOVE));
}

static noipa void map_file(void)
{
	int fd = open("/proc/self/exe", O_RDONLY);

	checked(mmap(NULL, 3 * PAGE, PROT_READ, MAP_PRIVATE, fd, PAGE));
	close(fd);
}

static noipa void map_shared(void)
{
	int id = shmget(IPC_PRIVATE, 5 * PAGE, IPC_CREAT | 0600);
	void *at = shmat(id, NULL, 0), *again = shmat(id, NULL, SHM_RDONLY);

	shmctl(id, IPC_RMID, NULL);
	if (at == (void *)-1 || shmdt(again))
		abort();
}

static noipa void map_directly(void)
{
	if (syscall(SYS_mmap, NULL, 6 * PAGE, RW, ANON, -1, 0) == -1)
		abort();
	for (int i = 0; i < 2000; i++)
		syscall(SYS_getppid);
}

/* The one call's end leads straight to the next one's beginning. */
static noipa void map_twice(void)
{
	register long flags __asm__("r10") = MAP_PRIVATE | MAP_ANONYMOUS, fd __asm__("r8") = -1;
	register long offset __asm__("r9") = 0;
	long result;

	__asm__ volatile("mov $9, %%eax\n\tsyscall\n\tmov $8192, %%esi\n\tmov $9, %%eax\n\tsyscall"
	                 : "=&a"(result)
	                 : "D"(0L), "S"(4096L), "d"((long)PROT_READ), "r"(flags), "r"(fd),
	                   "r"(offset)
	                 : "rcx", "r11", "memory");
	if (result < 0)
		abort();
}

static noipa char *allocate_large(void)
{
	char *at = malloc(1 << 20);

	if (at)
		*at = 1; /* no tail call */
	return at;
}

static void *idle(void *barrier)
{
	pthread_barrier_wait(barrier);
	pause();
	return NULL;
}

static noipa void start_threads(void)
{
	static pthread_barrier_t ready;
	pthread_t thread;

	pthread_barrier_init(&ready, NULL, 3);
	for (int i = 0; i < 2; i++)
		if (pthread_create(&thread, NULL, idle, &ready))
			abort();
	pthread_barrier_wait(&ready);
}

static noipa void fail(void)
{
	if (mmap(NULL, 0, RW, ANON, -1, 0) != MAP_FAILED || munmap((void *)1, PAGE) == 0 ||
	    mmap(NULL, (size_t)1 << 60, RW, ANON, -1, 0) != MAP_FAILED)
		abort();
}

static void map_and_unmap(void)
{
	char *at = checked(mmap(NULL, 3 * PAGE, RW, ANON, -1, 0));

	munmap(at + PAGE, PAGE);
	munmap(at, 3 * PAGE);
}

static void on_alarm(int number)
{
	(void)number;
	map_and_unmap();
}

static void map_under_signals(void)
{
	const struct itimerval often = { { 0, 700 }, { 0, 700 } };
	struct sigaction action = { .sa_handler = on_alarm };
	struct pollfd input = { .fd = 0, .events = POLLIN };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	while (poll(&input, 1, 0) != 1)
		map_and_unmap();
}

static void await_line(void)
{
	while (getchar() != '\n')
		if (feof(stdin))
			exit(1);
}

int main(int argc, char **argv)
{
	char *whole;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("ready %d\n", getpid());
	if (argc > 1 && !strcmp(argv[1], "signals")) {
		map_under_signals();
		return 0;
	}
	await_line();
	map_three();
	whole = map_whole();
	unmap_parts(whole);
	map_over(whole);
	resize(map_small());
	map_file();
	map_shared();
	map_directly();
	map_twice();
	if (!allocate_large())
		return 1;
	start_threads();
	fail();
	puts("done");
	await_line();
	return 0;
}
