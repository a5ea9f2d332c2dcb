/* A signal handler that runs in the very middle of malloc, every time.
 *
 * A freed bait waits in the thread's cache; its page is closed. The next malloc
 * of that size faults while it takes the bait out: it has changed nothing yet
 * and holds no lock. The SIGSEGV handler opens the page, allocates in other
 * sizes and then returns, jumps away, is cancelled or ends the process. realloc
 * is caught in the same way where it first reads the old block. */
#include "truth.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>

enum { PAGE = 4096, BAIT = 600, TIMES = 50 };

static struct block bait;
static void (*in_the_middle)(void);
static volatile sig_atomic_t interruptions;
static sigjmp_buf before_the_call;

ALLOCATOR(take_bait, T_MALLOC, malloc(size))
ALLOCATOR(take_around, T_MALLOC, malloc(size))
ALLOCATOR(handler_malloc, T_MALLOC, malloc(size))
ALLOCATOR(handler_calloc, T_CALLOC, calloc(1, size))
ALLOCATOR(handler_strdup, T_STRDUP, strdup(size == 6 ? "inner" : ""))

MARKER(handler_realloc);
static noipa struct block handler_realloc(struct block old, size_t size)
{
	return retook(&handler_realloc_marker, T_REALLOC, old, realloc(old.at, size), size);
}

MARKER(resize);
static noipa struct block resize(struct block old, size_t size)
{
	return retook(&resize_marker, T_REALLOC, old, realloc(old.at, size), size);
}

/* ---- the bait ------------------------------------------------------------- */

static void *page_of(const void *at)
{
	return (void *)((uintptr_t)at & ~(uintptr_t)(PAGE - 1));
}

static void set_page(int protection)
{
	if (mprotect(page_of(bait.at), PAGE, protection))
		abort();
}

/* Far from the allocator's own pages, and its header on its own page. */
static void choose_bait(void)
{
	take_around(5 * PAGE);
	do
		bait = take_bait(BAIT);
	while (((uintptr_t)bait.at & (PAGE - 1)) < 64);
}

static void lay_bait(void)
{
	give(bait);
	set_page(PROT_NONE);
}

/* ---- the handler ---------------------------------------------------------- */

static void allocate_of_every_kind(void)
{
	struct block block = handler_realloc(handler_malloc(100), 3000);

	give(handler_calloc(240));
	handler_strdup(6);
	give(block);
	handler_malloc(20);
}

static void on_fault(int number, siginfo_t *info, void *context)
{
	(void)number, (void)context;
	if (page_of(info->si_addr) != page_of(bait.at))
		abort();
	set_page(PROT_READ | PROT_WRITE);
	interruptions++;
	allocate_of_every_kind();
	if (in_the_middle)
		in_the_middle();
}

static void handle_faults(int flags)
{
	static char other_stack[1 << 16];
	stack_t stack = { .ss_sp = other_stack, .ss_size = sizeof(other_stack) };
	struct sigaction action = { .sa_flags = SA_SIGINFO | flags };

	action.sa_sigaction = on_fault;
	if (sigaltstack(&stack, NULL) || sigaction(SIGSEGV, &action, NULL))
		abort();
}

/* ---- what the handler ends with ------------------------------------------- */

static void take_bait_again_and_again(void)
{
	for (int i = 0; i < TIMES; i++) {
		lay_bait();
		bait = take_bait(BAIT);
	}
}

static void jump(void)
{
	siglongjmp(before_the_call, 1);
}

/* The call starts deeper each time, so that its stack lies under others. */
static noipa void take_from_below(int depth)
{
	if (depth)
		take_from_below(depth - 1);
	else
		take_bait(BAIT);
	__asm__ volatile("" ::: "memory");
}

static void abandon_malloc(void)
{
	struct block lost = bait;

	in_the_middle = jump;
	for (volatile int i = 0; i < TIMES; i++) {
		bait = lost;
		if (i)
			set_page(PROT_NONE);
		else
			lay_bait();
		if (!sigsetjmp(before_the_call, 1))
			take_from_below(i % 7);
		give(take_around(48));
	}
	truth_also("abandoned", TIMES);
}

static void abandon_realloc(void)
{
	in_the_middle = jump;
	for (volatile int i = 0; i < TIMES; i++) {
		set_page(PROT_NONE);
		if (!sigsetjmp(before_the_call, 1))
			resize(bait, 2 * BAIT);
	}
	in_the_middle = NULL;
	truth_also("abandoned", TIMES);
	give(resize(bait, 3 * BAIT));
}

static volatile int parked;

static void park(void)
{
	__atomic_store_n(&parked, 1, __ATOMIC_RELEASE);
	for (;;)
		pause();
}

static void give_in_cleanup(void *block)
{
	give(*(struct block *)block);
}

static void *parked_thread(void *unused_argument)
{
	static struct block held;

	(void)unused_argument;
	choose_bait();
	held = take_around(72);
	pthread_cleanup_push(give_in_cleanup, &held);
	lay_bait();
	take_bait(BAIT);
	pthread_cleanup_pop(0);
	return NULL;
}

static pthread_t park_a_thread(void)
{
	pthread_t thread;

	in_the_middle = park;
	if (pthread_create(&thread, NULL, parked_thread, NULL))
		abort();
	while (!__atomic_load_n(&parked, __ATOMIC_ACQUIRE))
		usleep(1000);
	return thread;
}

static void cancel_in_malloc(void)
{
	pthread_t thread = park_a_thread();
	void *result;

	pthread_cancel(thread);
	pthread_join(thread, &result);
	if (result != PTHREAD_CANCELED)
		abort();
	truth_also("abandoned", 1);
	give(take_around(90));
}

static void end_now(void)
{
	truth_also("abandoned", 1);
	truth_also("interruptions", interruptions);
	truth_write();
	_exit(7);
}

static void exit_in_malloc(void)
{
	in_the_middle = end_now;
	lay_bait();
	take_bait(BAIT);
}

static void exit_beside_malloc(void)
{
	park_a_thread();
	take_around(90);
	end_now();
}

static const struct ending {
	const char *name;
	void (*run)(void);
	bool own_bait;
} endings[] = {
	{ "return", take_bait_again_and_again, false },
	{ "jump", abandon_malloc, false },
	{ "jump-from-realloc", abandon_realloc, false },
	{ "cancel", cancel_in_malloc, true },
	{ "exit", exit_in_malloc, false },
	{ "exit-beside", exit_beside_malloc, true },
};

static const struct ending *ending_named(const char *name)
{
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
		if (!strcmp(endings[i].name, name))
			return &endings[i];
	return NULL;
}

/* interrupted ENDING [altstack] */
int main(int argc, char **argv)
{
	const struct ending *ending = argc > 1 ? ending_named(argv[1]) : NULL;

	if (!ending)
		return 2;
	handle_faults(argc > 2 ? SA_ONSTACK : 0);
	if (!ending->own_bait)
		choose_bait();
	ending->run();
	truth_also("interruptions", interruptions);
	truth_write();
	return 0;
}
