/* hailed: takes and gives blocks under a timer's signals, which strike anywhere, the allocator
 * included; the handler allocates nothing, as is right for any C library. */
#include "truth.h"

#include <signal.h>
#include <sys/time.h>

enum { ROUNDS = 3000, STRIKES = 50 };

static volatile sig_atomic_t strikes;

ALLOCATOR(hailed_take, T_MALLOC, malloc(size))
ALLOCATOR(hailed_keep, T_CALLOC, calloc(1, size))

static void on_signal(int number)
{
	(void)number;
	strikes++;
}

int main(void)
{
	const struct itimerval often = { { 0, 500 }, { 0, 500 } };
	const struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	if (sigaction(SIGALRM, &action, NULL) || setitimer(ITIMER_REAL, &often, NULL))
		abort();
	for (size_t i = 0; i < ROUNDS || strikes < STRIKES; i++) {
		give(hailed_take(24 + i % 5000));
		if (i % 100 == 0)
			hailed_keep(8 + i % 900);
	}
	truth_also("strikes", strikes);
	truth_write();
	return 0;
}
