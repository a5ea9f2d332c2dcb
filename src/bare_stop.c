#include "bare_stop.h"

#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"

#define STOPS 2000

static _Noreturn void be_stopped(void)
{
	if (ptrace(PTRACE_TRACEME, 0, 0, 0) < 0)
		_exit(1);
	for (;;)
		raise(SIGTRAP);
}

static bool next_stop(pid_t child)
{
	int status;

	return ptrace(PTRACE_CONT, child, 0, 0) == 0 && waitpid(child, &status, 0) == child &&
	       WIFSTOPPED(status);
}

static struct bare_stop measure(pid_t child)
{
	uint64_t began_ns, cpu_ns;
	int status, count = 0;

	if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status))
		return (struct bare_stop){ 0 };
	began_ns = clock_ns(CLOCK_MONOTONIC);
	cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	while (count < STOPS && next_stop(child))
		count++;
	if (count < STOPS)
		return (struct bare_stop){ 0 };
	return (struct bare_stop){ (clock_ns(CLOCK_MONOTONIC) - began_ns) / STOPS,
		                   (clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns) / STOPS };
}

/* Both on one processor, as the tracer follows the thread it looks after. */
static bool stay_here(cpu_set_t *was)
{
	cpu_set_t here;
	int cpu = sched_getcpu();

	CPU_ZERO(&here);
	if (cpu < 0 || sched_getaffinity(0, sizeof(*was), was) < 0)
		return false;
	CPU_SET(cpu, &here);
	return sched_setaffinity(0, sizeof(here), &here) == 0;
}

struct bare_stop bare_stop_measure(void)
{
	struct bare_stop bare = { 0 };
	cpu_set_t was;
	bool pinned = stay_here(&was);
	pid_t child = fork();

	if (child == 0)
		be_stopped();
	if (child > 0) {
		bare = measure(child);
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	if (pinned)
		sched_setaffinity(0, sizeof(was), &was);
	return bare;
}
