/* Signals rain on threads that do nothing but allocate; every handler allocates
 * too, wherever it struck.
 *
 * glibc's malloc may not be entered again under its lock, but a block of a size
 * that waits in the thread's cache comes and goes without a lock. So each
 * thread first fills its cache, and main loop and handler use different sizes.
 * A run ends when enough signals have struck inside the C library. */
#include "truth.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>

enum { CACHED = 7, LOOP_SIZE = 64, HANDLER_SIZE = 200, HELD = 4, ENOUGH = 200, THREADS = 3 };

extern char __executable_start[], etext[];

static __thread struct block held[HELD];
static __thread unsigned strikes;
static volatile long inside_library, enough_after;
static bool jumping;

ALLOCATOR(loop_take, T_MALLOC, malloc(size))
ALLOCATOR(handler_take, T_MALLOC, malloc(size))
ALLOCATOR(fill_take, T_MALLOC, malloc(size))
ALLOCATOR(after_take, T_MALLOC, malloc(size))

static void fill_cache(size_t size)
{
	struct block blocks[CACHED];

	for (int i = 0; i < CACHED; i++)
		blocks[i] = fill_take(size);
	for (int i = 0; i < CACHED; i++)
		give(blocks[i]);
}

static bool is_ours(const ucontext_t *context)
{
	uintptr_t pc = (uintptr_t)context->uc_mcontext.gregs[REG_RIP];

	return pc >= (uintptr_t)__executable_start && pc < (uintptr_t)etext;
}

/* One block in, the oldest out: at most HELD of the cached ones are in use. */
static noipa void turn_over(void)
{
	struct block *slot = &held[strikes++ % HELD];

	if (slot->at)
		give(*slot);
	*slot = handler_take(HANDLER_SIZE);
}

/* ---- jumping out ---------------------------------------------------------- */

/* A jump out of malloc may lose the block it had in hand: five of the seven
 * cached ones at most, then the loop goes on with the next size. */
enum { JUMPS_A_SIZE = 5, SIZES = 40 };

static sigjmp_buf before_the_call;
static volatile sig_atomic_t in_malloc, jumps;

static void maybe_jump(void)
{
	if (!in_malloc)
		return;
	in_malloc = 0;
	jumps++;
	siglongjmp(before_the_call, 1);
}

static void jump_out_of_size(size_t size)
{
	volatile long until = jumps + JUMPS_A_SIZE;
	struct block block;

	fill_cache(size);
	while (jumps < until) {
		if (sigsetjmp(before_the_call, 1))
			continue;
		in_malloc = 1;
		block = loop_take(size);
		in_malloc = 0;
		give(block);
	}
}

static void jump_about(void)
{
	jumping = true;
	for (int i = 0; i < SIZES; i++)
		jump_out_of_size(264 + 16 * (size_t)i);
	truth_also("jumps", jumps);
}

/* ---- the rain --------------------------------------------------------------- */

static void on_signal(int number, siginfo_t *info, void *context)
{
	(void)number, (void)info;
	if (!is_ours(context))
		__atomic_fetch_add(&inside_library, 1, __ATOMIC_RELAXED);
	turn_over();
	if (jumping)
		maybe_jump();
}

static void handle(int number, int flags)
{
	struct sigaction action = { .sa_flags = SA_SIGINFO | SA_RESTART | flags };

	action.sa_sigaction = on_signal;
	if (sigaction(number, &action, NULL))
		abort();
}

static void use_other_stack(void)
{
	static __thread char other_stack[1 << 15];
	stack_t stack = { .ss_sp = other_stack, .ss_size = sizeof(other_stack) };

	if (sigaltstack(&stack, NULL))
		abort();
}

static void set_timer(int microseconds)
{
	struct itimerval timer = { .it_interval.tv_usec = microseconds,
		                   .it_value.tv_usec = microseconds };

	if (setitimer(ITIMER_REAL, &timer, NULL))
		abort();
}

static bool enough(void)
{
	return __atomic_load_n(&inside_library, __ATOMIC_RELAXED) >= enough_after;
}

static void loop(void)
{
	fill_cache(LOOP_SIZE);
	while (!enough())
		give(loop_take(LOOP_SIZE));
}

static void one_thread(void)
{
	enough_after = ENOUGH;
	set_timer(500);
	loop();
	set_timer(0);
}

static pthread_barrier_t filled, done;

static void *rained_on(void *unused_argument)
{
	(void)unused_argument;
	use_other_stack();
	fill_cache(LOOP_SIZE);
	fill_cache(HANDLER_SIZE);
	pthread_barrier_wait(&filled);
	loop();
	pthread_barrier_wait(&done);
	return NULL;
}

static void rain_on(const pthread_t *threads)
{
	const struct timespec pause = { 0, 200000 };

	for (int i = 0; !enough(); i = (i + 1) % THREADS) {
		pthread_kill(threads[i], SIGUSR2);
		nanosleep(&pause, NULL);
	}
}

static void many_threads(void)
{
	pthread_t threads[THREADS];

	enough_after = ENOUGH;
	pthread_barrier_init(&filled, NULL, THREADS + 1);
	pthread_barrier_init(&done, NULL, THREADS + 1);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, rained_on, NULL);
	pthread_barrier_wait(&filled);
	rain_on(threads);
	pthread_barrier_wait(&done);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

/* storm timer|altstack|jump|threads */
int main(int argc, char **argv)
{
	const char *kind = argc > 1 ? argv[1] : "timer";

	use_other_stack();
	fill_cache(HANDLER_SIZE);
	handle(SIGALRM, strcmp(kind, "altstack") ? 0 : SA_ONSTACK);
	handle(SIGUSR2, SA_ONSTACK);
	if (!strcmp(kind, "threads")) {
		many_threads();
	} else if (!strcmp(kind, "jump")) {
		set_timer(500);
		jump_about();
		set_timer(0);
	} else {
		one_thread();
	}
	for (int i = 0; i < 20; i++)
		after_take(1000);
	truth_also("inside_library", inside_library);
	truth_write();
	return 0;
}
