/* Allocations at the bottom of stacks of known shape: deep ones, frames large
 * and of varying size, through a signal frame and through the C library. */
#include "truth.h"

#include <alloca.h>
#include <pthread.h>
#include <signal.h>

static int line_of_call;

MARKER(leak_at_bottom);
static noipa void leak_at_bottom(void)
{
	void *at;

	line_of_call = __LINE__ + 1;
	at = malloc(24);
	took(&leak_at_bottom_marker, T_MALLOC, at, 24);
}

#define AFTER_THE_CALL __asm__ volatile("" ::: "memory")

static noipa void descend(int depth)
{
	if (depth > 1)
		descend(depth - 1);
	else
		leak_at_bottom();
	AFTER_THE_CALL;
}

/* ---- frames of every size --------------------------------------------------- */

static noipa void descend_wide(int depth)
{
	char room[700];

	truth_keep(room);
	if (depth > 1)
		descend_wide(depth - 1);
	else
		leak_at_bottom();
	truth_keep(room);
}

static noipa void descend_ragged(int depth)
{
	truth_keep(alloca(16 + (size_t)depth % 32 * 24));
	if (depth > 1)
		descend_ragged(depth - 1);
	else
		leak_at_bottom();
	AFTER_THE_CALL;
}

static noipa void with_a_huge_frame(int depth)
{
	char room[200000];

	truth_keep(room);
	descend(depth);
	truth_keep(room);
}

/* Saves every callee-saved register and then uses them for something else. */
static noipa long with_all_registers(int depth)
{
	register long a __asm__("rbx") = depth, b __asm__("rbp") = 0x1111, c __asm__("r12") = 2,
	              d __asm__("r13") = 3, e __asm__("r14") = 4, f __asm__("r15") = 5;

	__asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f));
	if (depth > 1)
		a += with_all_registers(depth - 1);
	else
		leak_at_bottom();
	__asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f));
	return a + b + c + d + e + f;
}

static void use_all_registers(int depth)
{
	with_all_registers(depth);
	AFTER_THE_CALL;
}

/* ---- through others' frames -------------------------------------------------- */

static void on_signal(int number)
{
	(void)number;
	leak_at_bottom();
	AFTER_THE_CALL;
}

static noipa void raise_a_signal(int depth)
{
	if (depth > 1)
		raise_a_signal(depth - 1);
	else
		raise(SIGUSR2);
	AFTER_THE_CALL;
}

static void through_a_signal(int depth)
{
	signal(SIGUSR2, on_signal);
	raise_a_signal(depth);
	AFTER_THE_CALL;
}

static void through_a_signal_on_another_stack(int depth)
{
	static char room[1 << 16];
	stack_t stack = { .ss_sp = room, .ss_size = sizeof(room) };
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK };

	sigaltstack(&stack, NULL);
	sigaction(SIGUSR2, &action, NULL);
	raise_a_signal(depth);
	AFTER_THE_CALL;
}

/* A fault stops before its instruction, not behind a call. */
static noipa void fault_at_once(int depth)
{
	(void)depth;
	__asm__ volatile("ud2");
}

static void step_over_ud2(int number, siginfo_t *info, void *context)
{
	(void)number, (void)info;
	leak_at_bottom();
	((ucontext_t *)context)->uc_mcontext.gregs[16] += 2; /* REG_RIP */
}

static void through_a_fault(int depth)
{
	struct sigaction action = { .sa_flags = SA_SIGINFO };

	action.sa_sigaction = step_over_ud2;
	sigaction(SIGILL, &action, NULL);
	fault_at_once(depth);
	AFTER_THE_CALL;
}

static int compare_and_leak(const void *a, const void *b)
{
	leak_at_bottom();
	return *(const int *)a - *(const int *)b;
}

static noipa void through_the_library(int depth)
{
	int numbers[2] = { 2, 1 };

	(void)depth;
	qsort(numbers, 2, sizeof(int), compare_and_leak);
	AFTER_THE_CALL;
}

static void *thread_start(void *depth)
{
	descend(*(int *)depth);
	AFTER_THE_CALL;
	return NULL;
}

static void on_a_thread(int depth)
{
	pthread_t thread;

	pthread_create(&thread, NULL, thread_start, &depth);
	pthread_join(thread, NULL);
}

static const struct shape {
	const char *name;
	void (*build)(int depth);
} shapes[] = {
	{ "deep", descend },
	{ "wide", descend_wide },
	{ "ragged", descend_ragged },
	{ "huge", with_a_huge_frame },
	{ "registers", use_all_registers },
	{ "signal", through_a_signal },
	{ "signal-altstack", through_a_signal_on_another_stack },
	{ "fault", through_a_fault },
	{ "library", through_the_library },
	{ "thread", on_a_thread },
};

/* stacks SHAPE DEPTH */
int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 2 && i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		if (strcmp(shapes[i].name, argv[1]))
			continue;
		shapes[i].build(atoi(argv[2]));
		truth_also("line", line_of_call);
		truth_write();
		return 0;
	}
	return 2;
}
