/* floor [N]: what one trap costs at the least: a child on the tracer's own
 * CPU executes N int3, the tracer only waits and continues; prints
 * microseconds a stop. */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

static void stay_on_this_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		perror("floor: sched_setaffinity");
}

static void trap(int count)
{
	if (ptrace(PTRACE_TRACEME, 0, 0, 0))
		_exit(1);
	raise(SIGSTOP);
	while (count--)
		__asm__ volatile("int3");
	_exit(0);
}

int main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 100000, stops = 0, status;
	double begin;
	pid_t child;

	stay_on_this_cpu();
	child = fork();
	if (!child)
		trap(count);
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFSTOPPED(status)) {
		fprintf(stderr, "floor: the child does not stop\n");
		return 1;
	}
	begin = now();
	ptrace(PTRACE_CONT, child, 0, 0);
	while (waitpid(child, &status, __WALL) == child && WIFSTOPPED(status)) {
		stops++;
		ptrace(PTRACE_CONT, child, 0, 0);
	}
	if (stops != count)
		return 1;
	printf("%.3f\n", (now() - begin) / stops);
	return 0;
}
