/* swelling STEP...: what each step says, from a function of its own. A step is +N: N bytes
 * allocated, and kept; -: the last one that is kept is freed; tN: a second thread allocates N
 * bytes, and keeps them; later: at least 2 ms pass; pause: until a line comes. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define noipa __attribute__((noipa))

static void *kept[1024];
static int count;

noipa static void grow(size_t size)
{
	kept[count++] = malloc(size);
}

noipa static void shrink(void)
{
	free(kept[--count]);
}

static void *grow_in_thread(void *size)
{
	grow((size_t)size);
	return NULL;
}

static void second_thread(size_t size)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, grow_in_thread, (void *)size) || pthread_join(thread, NULL))
		abort();
}

noipa static void pause_for_line(void)
{
	char line[16];

	puts("paused");
	fflush(stdout);
	if (read(STDIN_FILENO, line, sizeof(line)) < 0)
		abort();
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *step = argv[i];

		if (*step == '+')
			grow(strtoul(step + 1, NULL, 10));
		else if (*step == '-')
			shrink();
		else if (*step == 't')
			second_thread(strtoul(step + 1, NULL, 10));
		else if (*step == 'l')
			usleep(2000);
		else
			pause_for_line();
	}
	return 0;
}
