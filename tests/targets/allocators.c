/* What every allocator has, in every size, failing calls included: by one thread, by
 * four at a time ("threads"), in a child that was forked between ("fork"). "mild": no call that
 * fails, for allocators that end the program then. "idle": none of it, which leaves what others
 * in the process allocate. "company": beside a thread that does nothing. "stop": stops itself
 * before it begins, for who has little time. It needs no C library in particular. */
#include "truth.h"

#include <signal.h>
#include <sys/wait.h>

#ifdef __dietlibc__ /* has neither, and no threads without another library */
#define NO_ALIGNED
#define NO_THREADS
#endif

#ifndef NO_THREADS
#include <pthread.h>
#endif

void *memalign(size_t, size_t);

enum { THREADS = 4, MANY = 300 };

static size_t fails = SIZE_MAX / 2; /* a size that is not to be had, or 0: leave it out */
static bool idle, hurried;

ALLOCATOR(take, T_MALLOC, malloc(size))
ALLOCATOR(take_zeroed, T_CALLOC, calloc(1, size))
MARKER(take_many);
static noipa struct block take_many(size_t size)
{
	size_t count = size / 7 + 1;

	return took(&take_many_marker, T_CALLOC, calloc(count, 7), count * 7);
}

ALLOCATOR(take_resized, T_REALLOC, realloc(NULL, size))
#ifdef NO_ALIGNED
#define take_aligned take
#else
ALLOCATOR(take_aligned, T_MEMALIGN, memalign(64, size))
#endif

static struct block (*const allocators[])(size_t) = {
	take, take_zeroed, take_many, take_resized, take_aligned,
};

static const size_t sizes[] = {
	1,    8,    9,     16,    17,    24,     25,     100,    127,     128,     129,    255,
	1000, 1024, 1025,  1032,  1033,  2049,   4095,   4096,   4097,    8192,    16385,  20000,
	32768, 65536, 65537, 131072, 135000, 200001, 262144, 262145, 600000, 2097152, 5000000,
};
enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };

MARKER(resize);
static noipa struct block resize(struct block old, size_t size)
{
	return retook(&resize_marker, T_REALLOC, old, realloc(old.at, size), size);
}

/* Written to at both ends, as an owner may. */
static struct block used(struct block block)
{
	if (block.size) {
		((char *)block.at)[0] = 'a';
		((char *)block.at)[block.size - 1] = 'z';
	}
	return block;
}

static void take_all_give_half(struct block (*allocate)(size_t))
{
	struct block blocks[SIZES];

	for (int i = 0; i < SIZES; i++)
		blocks[i] = used(allocate(sizes[i]));
	for (int i = 0; i < SIZES; i += 2)
		give(blocks[i]);
}

/* More small ones than any cache holds, and all back. */
static void fill_and_empty(size_t size)
{
	struct block blocks[MANY];
	int many = hurried ? MANY / 10 : MANY;

	for (int i = 0; i < many; i++)
		blocks[i] = used(take(size));
	for (int i = 0; i < many; i++)
		give(blocks[i]);
}

static void resize_all(void)
{
	struct block block = no_block;

	for (int i = 0; i < SIZES; i++)
		block = used(resize(block, sizes[i]));
	for (int i = SIZES; i-- > 0;)
		block = used(resize(block, sizes[i]));
	give(block);
}

static void take_nothing(void)
{
	give(take(0));
	give(take_zeroed(0));
	give(no_block);
}

static void fail(void)
{
	for (size_t i = 0; fails && i < sizeof(allocators) / sizeof(allocators[0]); i++)
		if (allocators[i](fails).at)
			abort();
	if (fails)
		give(resize(take(50), fails));
}

static void work(void)
{
	if (idle)
		return;
	for (size_t i = 0; i < sizeof(allocators) / sizeof(allocators[0]); i++)
		take_all_give_half(allocators[i]);
	fill_and_empty(40);
	fill_and_empty(3000);
	resize_all();
	take_nothing();
	fail();
}

#ifdef NO_THREADS
static void work_in_threads(void)
{
}

static void have_company(void)
{
}
#else
static void *do_nothing(void *unused_argument)
{
	for (;;)
		pause();
	return unused_argument;
}

static void have_company(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, do_nothing, NULL))
		abort();
}

static pthread_barrier_t all_there;

/* One that ends before another begins would leave it its stack and what belongs to it. */
static void *work_with_others(void *unused_argument)
{
	(void)unused_argument;
	pthread_barrier_wait(&all_there);
	work();
	return NULL;
}

static void work_in_threads(void)
{
	pthread_t threads[THREADS];

	pthread_barrier_init(&all_there, NULL, THREADS);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, work_with_others, NULL))
			abort();
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}
#endif

static void work_in_child(void)
{
	struct block before = idle ? no_block : take(77), kept = idle ? no_block : take(78);
	int status;
	pid_t child = fork();

	if (child < 0)
		abort();
	if (!child) {
		truth_child();
		if (!idle)
			give(before);
		work();
		truth_write();
		_exit(0);
	}
	if (waitpid(child, &status, 0) != child || status)
		abort();
	if (!idle)
		give(kept);
}

static bool asked(int argc, char **argv, const char *word)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], word))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	if (asked(argc, argv, "mild"))
		fails = 0;
	idle = asked(argc, argv, "idle");
	hurried = asked(argc, argv, "stop");
	if (asked(argc, argv, "company"))
		have_company();
	if (hurried)
		raise(SIGSTOP);
	for (int i = 0; i < (hurried ? 1 : 3); i++)
		work();
	if (asked(argc, argv, "threads"))
		work_in_threads();
	if (asked(argc, argv, "fork"))
		work_in_child();
	truth_write();
	return 0;
}
