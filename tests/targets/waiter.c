/* Holds known blocks, says "ready PID" and tells of every signal: its number,
 * whether it came from kill, and from whom. SIGTERM ends it with status 42,
 * a line on stdin with 0. */
#include "truth.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>

static volatile sig_atomic_t ending;

ALLOCATOR(hold, T_MALLOC, malloc(size))

static void on_signal(int number, siginfo_t *info, void *context)
{
	char text[96];
	int length = snprintf(text, sizeof(text), "signal %d code %d from %d\n", number,
	                      info->si_code, info->si_code == SI_USER ? info->si_pid : 0);

	(void)context;
	if (write(1, text, (size_t)length) != length)
		abort();
	if (number == SIGTERM)
		ending = 1;
}

static void tell_of(int number)
{
	struct sigaction action = { .sa_flags = SA_SIGINFO };

	action.sa_sigaction = on_signal;
	sigfillset(&action.sa_mask);
	if (sigaction(number, &action, NULL))
		abort();
}

static bool line_came(void)
{
	struct pollfd input = { .fd = 0, .events = POLLIN };
	char c;

	return poll(&input, 1, -1) == 1 && read(0, &c, 1) >= 0;
}

int main(void)
{
	static const int told[] = { SIGHUP,  SIGINT,  SIGQUIT,   SIGUSR1, SIGUSR2,
		                    SIGTERM, SIGCONT, SIGWINCH };

	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++)
		tell_of(told[i]);
	for (size_t i = 0; i < 100; i++)
		hold(100 + i);
	truth_write();
	say("ready %ld\n", getpid());
	while (!ending)
		if (line_came())
			return 0;
	return 42;
}
