/* births N: N threads start one after the other that ends at once, and wait for it; says
 * "ready PID", ends with 0 at a line. */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static volatile bool ending;

static void *nothing(void *argument)
{
	return argument;
}

static void *give_birth(void *argument)
{
	pthread_t child;

	while (!ending)
		if (pthread_create(&child, NULL, nothing, NULL) || pthread_join(child, NULL))
			abort();
	return argument;
}

int main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 1;
	pthread_t threads[count];

	for (int i = 0; i < count; i++)
		if (pthread_create(&threads[i], NULL, give_birth, NULL))
			return 1;
	printf("ready %d\n", getpid());
	fflush(stdout);
	getchar();
	ending = true;
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
