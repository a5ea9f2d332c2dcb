/* Maps more than it touches and knows how much that is: says "ready PID", touches memory at
 * a line, says "done" with what it has of its block in memory, waits for another line.
 * `resident exits`: maps in four threads until one of them exits with status 7.
 * `resident sleepers`: before it is ready, three threads sleep on stacks of 64 pages. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define noipa __attribute__((noipa))

enum { PAGE = 4096, BLOCK = 50 * PAGE, OF_BLOCK = 40000 };

static const int RW = PROT_READ | PROT_WRITE, ANON = MAP_PRIVATE | MAP_ANONYMOUS;

static char *checked(void *at)
{
	if (at == MAP_FAILED)
		abort();
	return at;
}

static void touch(char *at, int pages)
{
	for (int i = 0; i < pages; i++)
		at[i * PAGE] = 1;
}

/* The kernel makes one mapping of these two. */
static noipa void map_lower(char *at)
{
	touch(checked(mmap(at, 8 * PAGE, RW, ANON | MAP_FIXED, -1, 0)), 3);
}

static noipa void map_upper(char *at)
{
	touch(checked(mmap(at + 8 * PAGE, 8 * PAGE, RW, ANON | MAP_FIXED, -1, 0)), 5);
}

static noipa void map_neighbours(void)
{
	char *at = checked(mmap(NULL, 18 * PAGE, PROT_NONE, ANON, -1, 0));

	map_lower(at + PAGE);
	map_upper(at + PAGE);
}

static noipa int map_read(void)
{
	char *at = checked(mmap(NULL, 20 * PAGE, RW, ANON, -1, 0));
	int sum = 0;

	for (int i = 0; i < 20; i++)
		sum += ((volatile char *)at)[i * PAGE];
	return sum;
}

static noipa void map_file(void)
{
	FILE *file = tmpfile();

	if (!file || ftruncate(fileno(file), 6 * PAGE))
		abort();
	touch(checked(mmap(NULL, 6 * PAGE, RW, MAP_PRIVATE, fileno(file), 0)), 2);
}

static noipa void map_shared(void)
{
	touch(checked(mmap(NULL, 9 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0)), 4);
}

/* How much of it is in memory. */
static noipa long allocate(void)
{
	char *block = malloc(BLOCK);
	unsigned long last;

	if (!block)
		abort();
	memset(block, 1, OF_BLOCK);
	last = (unsigned long)(block + OF_BLOCK - 1) & ~(PAGE - 1ul);
	return (long)(last + PAGE - (unsigned long)block);
}

static void *map_on(void *arg)
{
	for (int i = 0; i < 300; i++)
		munmap(checked(mmap(NULL, PAGE, RW, ANON, -1, 0)), PAGE);
	if (arg)
		_exit(7);
	for (;;)
		munmap(checked(mmap(NULL, PAGE, RW, ANON, -1, 0)), PAGE);
	return NULL;
}

static int exit_amid(void)
{
	pthread_t thread;

	for (int i = 0; i < 4; i++)
		if (pthread_create(&thread, NULL, map_on, i == 2 ? "exits" : NULL))
			abort();
	pause();
	return 1;
}

static void *sleep_on(void *started)
{
	pthread_barrier_wait(started);
	pause();
	return NULL;
}

static void start_sleepers(void)
{
	pthread_barrier_t started;
	pthread_attr_t attr;
	pthread_t thread;

	pthread_barrier_init(&started, NULL, 4);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 * PAGE);
	for (int i = 0; i < 3; i++)
		if (pthread_create(&thread, &attr, sleep_on, &started))
			abort();
	pthread_barrier_wait(&started);
}

int main(int argc, char **argv)
{
	char line[16];
	long of_block;

	if (argc > 1 && !strcmp(argv[1], "sleepers"))
		start_sleepers();

	if (argc > 1 && !strcmp(argv[1], "exits"))
		return exit_amid();
	printf("ready %d\n", getpid());
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return 1;
	map_neighbours();
	map_file();
	map_shared();
	of_block = allocate();
	if (map_read())
		return 1;
	printf("done %ld\n", of_block);
	fflush(stdout);
	return !fgets(line, sizeof(line), stdin);
}
