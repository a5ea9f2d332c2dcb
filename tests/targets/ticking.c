/* Allocates and frees while a timer's handler allocates too, until the handler has run 300 times. */
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>

#define TIMES 300

static void *volatile kept, *volatile kept_in_handler;
static volatile sig_atomic_t times;

static void handler(int sig)
{
	(void)sig;
	kept_in_handler = malloc(33);
	times++;
}

int main(void)
{
	const struct sigaction action = { .sa_handler = handler };
	const struct itimerval often = { { 0, 2000 }, { 0, 2000 } }, never = { 0 };

	kept = malloc(100); /* libc sets up its heap under a lock, which the handler would wait for */
	free(kept);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	while (times < TIMES) {
		kept = malloc(100);
		free(kept);
	}
	setitimer(ITIMER_REAL, &never, NULL);
	return 0;
}
