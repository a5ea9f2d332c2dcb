/* Two threads at once begin a child each that no tracer is told of (CLONE_UNTRACED), which stops
 * its parent by ptrace; says what they ended with. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STACK = 1 << 18 };

static pthread_barrier_t both;

static int stop_parent(void *parent)
{
	pid_t tid = (pid_t)(intptr_t)parent;
	int status;

	if (ptrace(PTRACE_ATTACH, tid, 0, 0) < 0)
		return 1;
	if (waitpid(tid, &status, __WALL) != tid || !WIFSTOPPED(status))
		return 2;
	return ptrace(PTRACE_DETACH, tid, 0, 0) < 0 ? 3 : 7;
}

static void *begin(void *result)
{
	char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int status = 0;
	pid_t child;

	pthread_barrier_wait(&both);
	child = clone(stop_parent, stack + STACK, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_UNTRACED,
	              (void *)(intptr_t)gettid());
	if (child < 0 || waitpid(child, &status, __WALL) != child)
		return NULL;
	*(int *)result = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
	return NULL;
}

int main(void)
{
	int results[2] = { -1, -1 };
	pthread_t other;

	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	pthread_barrier_init(&both, NULL, 2);
	pthread_create(&other, NULL, begin, &results[1]);
	begin(&results[0]);
	pthread_join(other, NULL);
	printf("%d %d\n", results[0], results[1]);
	return 0;
}
