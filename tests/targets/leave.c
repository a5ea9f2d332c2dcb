/* Ends in the middle, by the way that is asked for, while four threads go on
 * allocating. What they did after the truth was written is not stated. */
#include "truth.h"

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>

enum { THREADS = 4, ROUNDS = 300 };

static volatile long rounds;

ALLOCATOR(churn_take, T_MALLOC, malloc(size))
ALLOCATOR(keep, T_MALLOC, malloc(size))
ALLOCATOR(never_taken, T_MALLOC, malloc(size))

static void *churn(void *unused_argument)
{
	(void)unused_argument;
	for (;;) {
		give(churn_take(100));
		__atomic_fetch_add(&rounds, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void start_churning(void)
{
	pthread_t thread;

	for (int i = 0; i < THREADS; i++)
		pthread_create(&thread, NULL, churn, NULL);
	while (__atomic_load_n(&rounds, __ATOMIC_RELAXED) < ROUNDS)
		usleep(1000);
}

static void take_at_exit(void)
{
	never_taken(1);
}

static pthread_t leader;

static void *outlive(void *unused_argument)
{
	(void)unused_argument;
	pthread_join(leader, NULL);
	keep(5000);
	truth_write();
	_exit(24);
}

static void leave_it_to_another(void)
{
	pthread_t thread;

	leader = pthread_self();
	pthread_create(&thread, NULL, outlive, NULL);
	pthread_exit(NULL);
}

static void end(const char *way)
{
	if (!strcmp(way, "_exit"))
		_exit(21);
	if (!strcmp(way, "quick_exit"))
		quick_exit(22);
	if (!strcmp(way, "exit_group"))
		syscall(SYS_exit_group, 23);
	if (!strcmp(way, "abort"))
		abort();
	if (!strcmp(way, "kill"))
		kill(getpid(), SIGKILL);
	if (!strcmp(way, "fault"))
		*(volatile int *)truth_keep((void *)8) = 1;
	if (!strcmp(way, "leader-leaves"))
		leave_it_to_another();
}

/* leave WAY [alone] */
int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	atexit(take_at_exit);
	if (argc < 3)
		start_churning();
	for (size_t i = 0; i < 30; i++)
		keep(1000 + i);
	truth_write();
	end(argv[1]);
	return 99;
}
