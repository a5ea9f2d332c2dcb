/* Four threads stand in the middle of a call when "ready PID" is said: one in the
 * clearing of a calloc, one in the copying of a realloc, with the arena's lock held,
 * one in malloc and one in free, both waiting for that lock.
 *
 * A page in the way is closed, and the handler of the fault waits. A line lets all
 * go on: they give back what they got, and do a known number of calls more. */
#include "since.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

enum { PAGE = 4096, HUGE_BLOCK = 64 * PAGE, LARGE = 5000, MORE = 20 };

static int parked, released, turn, worked;
static long in_libc;
static char *closed[2];
static struct block cleared, resized, large;

ALLOCATOR(take_before, T_MALLOC, malloc(size))
ALLOCATOR(take_after, T_MALLOC, malloc(size))

static int get(const int *of)
{
	return __atomic_load_n(of, __ATOMIC_ACQUIRE);
}

static void await(const int *of, int value)
{
	while (get(of) < value)
		usleep(1000);
}

static void set_page(char *page, int protection)
{
	if (mprotect(page, PAGE, protection))
		abort();
}

/* In the middle of the block: neither its header nor its neighbour's is there. */
static void close_page_of(struct block block)
{
	uintptr_t middle = (uintptr_t)block.at + HUGE_BLOCK / 2;
	char *page = (char *)(middle & ~(uintptr_t)(PAGE - 1));

	closed[closed[0] != NULL] = page;
	set_page(page, PROT_NONE);
}

/* memset and memcpy keep nothing on the stack: is what they return to in libc, or has
 * calloc jumped to memset and is over? */
static bool is_called_by_libc(const ucontext_t *at)
{
	extern char __executable_start[], etext[];
	const char *caller = *(char **)at->uc_mcontext.gregs[REG_RSP];

	return caller < __executable_start || caller >= etext;
}

static void on_fault(int number unused, siginfo_t *info, void *context)
{
	char *page = (char *)((uintptr_t)info->si_addr & ~(uintptr_t)(PAGE - 1));

	if (page != closed[0] && page != closed[1])
		abort();
	in_libc += is_called_by_libc(context);
	__atomic_fetch_add(&parked, 1, __ATOMIC_RELEASE);
	await(&released, 1);
	set_page(page, PROT_READ | PROT_WRITE);
}

/* ---- the threads ------------------------------------------------------------------ */

static _Noreturn void work_on(void)
{
	for (size_t i = 0; i < MORE; i++)
		give(take_after(3000 + 16 * i));
	__atomic_fetch_add(&worked, 1, __ATOMIC_RELEASE);
	for (;;)
		pause(); /* libc frees at a thread's end */
}

static _Noreturn void finish(void *result)
{
	if (!result)
		abort();
	give_earlier((struct block){ .at = result });
	work_on();
}

static void *in_calloc(void *argument unused)
{
	await(&turn, 1);
	finish(calloc(1, HUGE_BLOCK));
}

static void *in_realloc(void *argument unused)
{
	await(&turn, 2);
	finish(realloc(resized.at, 4 * HUGE_BLOCK));
}

static void *in_malloc(void *argument unused)
{
	await(&turn, 3);
	finish(malloc(LARGE));
}

static void *in_free(void *argument unused)
{
	await(&turn, 4);
	free(large.at);
	work_on();
}

/* ---- the order ---------------------------------------------------------------------- */

static void *(*const bodies[])(void *) = { in_calloc, in_realloc, in_malloc, in_free };
enum { THREADS = sizeof(bodies) / sizeof(bodies[0]) };

static void take_turn(int number)
{
	__atomic_store_n(&turn, number, __ATOMIC_RELEASE);
}

/* Two threads wait in a futex for good; those that wait for a turn only nap. */
static bool is_in_futex(pid_t tid)
{
	char path[64], text[8] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", tid);
	fd = open(path, O_RDONLY);
	if (fd < 0 || read(fd, text, 4) != 4)
		abort();
	close(fd);
	return !strncmp(text, "202 ", 4);
}

static pid_t tids[THREADS];

static void *begin(void *argument)
{
	int number = (int)(intptr_t)argument;

	give(take_before(32)); /* the thread's own cache takes its memory here */
	__atomic_store_n(&tids[number], gettid(), __ATOMIC_RELEASE);
	return bodies[number](NULL);
}

static void start(void)
{
	pthread_t thread;

	for (int i = 0; i < THREADS; i++) {
		if (pthread_create(&thread, NULL, begin, (void *)(intptr_t)i))
			abort();
		await(&tids[i], 1);
	}
}

static void enter_the_calls(void)
{
	take_turn(1);
	await(&parked, 1);
	close_page_of(resized);
	take_turn(2);
	await(&parked, 2);
	for (int i = 3; i <= THREADS; i++) {
		take_turn(i);
		while (!is_in_futex(tids[i - 1]))
			usleep(1000);
	}
}

static void lay_blocks(void)
{
	if (!mallopt(M_MMAP_THRESHOLD, 1 << 24) || !mallopt(M_ARENA_MAX, 1))
		abort();
	cleared = take_before(HUGE_BLOCK);
	take_before(LARGE);
	resized = take_before(HUGE_BLOCK);
	large = take_before(LARGE);
	take_before(LARGE);
	memset(cleared.at, 1, HUGE_BLOCK);
	memset(resized.at, 1, HUGE_BLOCK);
}

int main(void)
{
	struct sigaction action = { .sa_flags = SA_SIGINFO };

	action.sa_sigaction = on_fault;
	sigaction(SIGSEGV, &action, NULL);
	lay_blocks();
	start();
	give(cleared);
	close_page_of(cleared);
	enter_the_calls();
	truth_begin();
	say("ready %ld\n", getpid());
	await_line();
	__atomic_store_n(&released, 1, __ATOMIC_RELEASE);
	await(&worked, THREADS);
	truth_also("earlier_calls", in_libc + 1); /* and malloc's, which waits for the lock */
	truth_write_since();
	say("done\n", 0);
	await_line();
	_exit(0);
}
