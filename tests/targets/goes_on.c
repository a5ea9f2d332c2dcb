/* Holds 20 blocks and says "ready PID"; at a line it takes 10 more, takes and gives back others,
 * loads a library, has two children, one after the other, and waits for each, and says "done"; at
 * the next line it ends. */
#include "truth.h"

#include <dlfcn.h>
#include <sys/wait.h>

ALLOCATOR(keep, T_MALLOC, malloc(size))
ALLOCATOR(pass, T_MALLOC, malloc(size))

static void await_line(void)
{
	char c;

	while (read(0, &c, 1) == 1 && c != '\n')
		;
}

static void have_child(void)
{
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	if (child < 0 || waitpid(child, NULL, 0) != child)
		abort();
}

int main(void)
{
	void *library;

	for (int i = 0; i < 20; i++)
		keep(100);
	say("ready %ld\n", getpid());
	await_line();
	for (int i = 0; i < 10; i++)
		keep(100);
	for (int i = 0; i < 1000; i++)
		give(pass(64));
	library = dlopen("libm.so.6", RTLD_NOW);
	if (!library)
		abort();
	have_child();
	have_child();
	say("done %ld\n", getpid());
	await_line();
	return 0;
}
