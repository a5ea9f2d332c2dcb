/* exec_chain LINKS WAY [COMMAND...]: allocates, then executes itself with one
 * link less, in the given WAY; the last link allocates otherwise and states
 * that alone, or executes COMMAND. */
#include "truth.h"

#include <pthread.h>

static char **arguments;

ALLOCATOR(link_take, T_MALLOC, malloc(size))
ALLOCATOR(last_take, T_MALLOC, malloc(size))

static void execute(char **argv)
{
	execvp(argv[0], argv);
	_exit(127);
}

static void *execute_from_a_thread(void *argv)
{
	execute(argv);
	return NULL;
}

static void execute_while_others_allocate(char **argv)
{
	pthread_t thread;

	pthread_create(&thread, NULL, execute_from_a_thread, argv);
	for (;;)
		give(link_take(40));
}

static void next_link(int links)
{
	char left[16];

	snprintf(left, sizeof(left), "%d", links - 1);
	arguments[1] = left;
	if (!strcmp(arguments[2], "thread"))
		execute_while_others_allocate(arguments);
	else
		execute(arguments);
}

int main(int argc, char **argv)
{
	int links = argc > 2 ? atoi(argv[1]) : -1;

	if (links < 0)
		return 2;
	arguments = argv;
	for (int i = 0; links && i < 20; i++)
		link_take(1000);
	if (links)
		next_link(links);
	if (argc > 3)
		execute(argv + 3);
	give(last_take(5));
	last_take(6);
	truth_write();
	return 41;
}
