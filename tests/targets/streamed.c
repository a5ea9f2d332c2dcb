/* streamed KIND: says of each call what it did, a line each on stdout that nothing is allocated
 * for: FUNCTION ADDRESS SIZE USABLE OLD TID. Kinds: mix, idle, orphans, threads N COUNT, forks,
 * many COUNT, maps. Those that wait say "ready PID" and go on with a line. */
#include <malloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define noipa __attribute__((noipa))

static void *keep(void *at)
{
	__asm__ volatile("" : "+r"(at) : : "memory");
	return at;
}

/* dprintf would allocate. */
static void print(const char *format, ...)
{
	char line[256];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (write(1, line, (size_t)n) != n)
		_exit(6);
}

static int quiet;

static void say(const char *function, void *at, size_t size, void *old)
{
	if (!quiet)
		print("%s %#lx %zu %zu %#lx %d\n", function, (long)at, size,
		        at ? malloc_usable_size(at) : 0, (long)old, (int)syscall(SYS_gettid));
}

static noipa void *do_malloc(size_t size)
{
	void *at = keep(malloc(size));

	say("malloc", at, size, NULL);
	return at;
}

static noipa void *do_calloc(size_t count, size_t size)
{
	void *at = keep(calloc(count, size));

	say("calloc", at, count * size, NULL);
	return at;
}

static noipa void *do_realloc(void *old, size_t size)
{
	void *at = keep(realloc(old, size));

	say("realloc", at, size, old);
	return at;
}

static noipa void do_free(void *at)
{
	size_t usable = at ? malloc_usable_size(at) : 0;

	free(at);
	keep(NULL);
	if (!quiet)
		print("free %#lx 0 %zu 0 %d\n", (long)at, usable, (int)syscall(SYS_gettid));
}

static noipa void do_aligned(void)
{
	void *at = NULL;

	at = keep(memalign(256, 1000));
	say("memalign", at, 1000, NULL);
	do_free(at);
	if (posix_memalign(&at, 128, 500))
		abort();
	say("posix_memalign", keep(at), 500, NULL);
	do_free(at);
	at = keep(aligned_alloc(4096, 8192));
	say("aligned_alloc", at, 8192, NULL);
	do_free(at);
	at = keep(valloc(77));
	say("valloc", at, 77, NULL);
	do_free(at);
	at = keep(pvalloc(77));
	say("pvalloc", at, 77, NULL);
	do_free(at);
	at = keep(reallocarray(NULL, 11, 13));
	say("reallocarray", at, 11 * 13, NULL);
	do_free(at);
}

static noipa void do_strings(void)
{
	char *at = keep(strdup("twelve bytes"));

	say("strdup", at, 13, NULL);
	do_free(at);
	at = keep(strndup("twelve bytes", 6));
	say("strndup", at, 7, NULL);
	do_free(at);
}

static void mix(void)
{
	void *at = do_malloc(10), *big;

	do_malloc(24);
	at = do_realloc(at, 5000); /* moves */
	at = do_realloc(at, 6000); /* stays */
	do_realloc(at, PTRDIFF_MAX); /* fails */
	do_free(do_realloc(NULL, 40));
	do_realloc(at, 0);
	do_free(NULL);
	do_free(do_calloc(3, 7));
	do_aligned();
	do_strings();
	big = do_malloc(1 << 20);
	do_free(big);
	do_malloc(PTRDIFF_MAX);
}

static void await(void)
{
	char line[64];

	print("ready %d\n", (int)getpid());
	if (read(0, line, sizeof(line)) <= 0)
		_exit(4);
}

static noipa void *take_old(void)
{
	return keep(do_malloc(111));
}

static noipa void *take_young(void)
{
	return keep(do_malloc(222));
}

/* Allocates, waits; twice. The first is freed when it has been waited for once more. */
static void idle(void)
{
	void *old = take_old();

	await();
	take_young();
	await();
	do_free(old);
	await();
}

/* A chunk of its own making, as glibc maps large ones. */
static noipa void *made_up(void)
{
	size_t *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	page[1] = 8192 | 2;
	return page + 2;
}

static noipa void free_unknown(void *at)
{
	do_free(at);
	keep(NULL);
}

static noipa void free_twice(void *at)
{
	do_free(at);
	memset((char *)at + 8, 0, 8); /* the mark by which glibc knows it */
	do_free(at);
	keep(NULL);
}

static void orphans(void)
{
	void *kept = do_malloc(50);

	free_unknown(made_up());
	free_twice(do_malloc(24));
	do_free(do_malloc(33));
	keep(kept);
}

static int rounds;

static void *churn(void *unused)
{
	(void)unused;
	for (int i = 0; i < rounds; i++)
		do_free(do_malloc(8 + i % 512));
	return NULL;
}

static noipa void *only_frees(void *at)
{
	do_free(at);
	return NULL;
}

static void threads(int count)
{
	pthread_t list[count];
	void *at;

	for (int i = 0; i < count; i++)
		pthread_create(&list[i], NULL, churn, NULL);
	for (int i = 0; i < count; i++)
		pthread_join(list[i], NULL);
	quiet = 0;
	at = do_malloc(64);
	pthread_create(&list[0], NULL, only_frees, at);
	pthread_join(list[0], NULL);
}

static void forks(void)
{
	void *at = do_malloc(70);
	pid_t child = fork();

	if (child == 0) {
		do_free(at);
		do_malloc(90);
		usleep(5000); /* it becomes old */
		_exit(5);
	}
	waitpid(child, NULL, 0);
	do_malloc(80);
}

static noipa void do_maps(void)
{
	char *at = mmap(NULL, 5 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *moved;

	print("mmap %#lx %d\n", (long)at, 5 * 4096);
	munmap(at, 4096);
	print("munmap %#lx %d\n", (long)at, 4096);
	munmap(at + 2 * 4096, 4096);
	print("munmap %#lx %d\n", (long)(at + 2 * 4096), 4096);
	keep(mmap(at + 2 * 4096, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	print("mmap %#lx %d\n", (long)(at + 2 * 4096), 4096);
	moved = mremap(at + 3 * 4096, 2 * 4096, 64 * 4096, MREMAP_MAYMOVE);
	print("munmap(mremap) %#lx %d\n", (long)(at + 3 * 4096), 2 * 4096);
	print("mmap(mremap) %#lx %d\n", (long)moved, 64 * 4096);
	do_free(do_malloc(1 << 20));
}

int main(int argc, char **argv)
{
	const char *kind = argc > 1 ? argv[1] : "";
	int number = argc > 2 ? atoi(argv[2]) : 0;

	rounds = argc > 3 ? atoi(argv[3]) : number;
	if (strcmp(kind, "mix") == 0)
		mix();
	else if (strcmp(kind, "idle") == 0)
		idle();
	else if (strcmp(kind, "orphans") == 0)
		orphans();
	else if (strcmp(kind, "threads") == 0)
		quiet = 1, threads(number);
	else if (strcmp(kind, "forks") == 0)
		forks();
	else if (strcmp(kind, "many") == 0)
		quiet = 1, churn(NULL);
	else if (strcmp(kind, "waits") == 0)
		quiet = 1, await(), churn(NULL);
	else if (strcmp(kind, "maps") == 0)
		do_maps();
	else
		return 2;
	return 3;
}
