/* Its first thread ends before the others, so that /proc/PID shows no memory any more. Another
 * one loads a library, allocates, says "ready PID" and, after a line, ends the process. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define noipa __attribute__((noipa))

enum { PAGE = 4096 };

static noipa void map_alone(void)
{
	if (mmap(NULL, 7 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
		abort();
}

static char first_state(void)
{
	char text[256], *behind;
	FILE *file = fopen("/proc/self/stat", "r");

	if (!file || !fgets(text, sizeof(text), file) || !(behind = strrchr(text, ')')))
		abort();
	fclose(file);
	return behind[2];
}

static void *go_on_alone(void *arg)
{
	char line[16];

	while (first_state() != 'Z')
		usleep(1000);
	if (!dlopen(arg, RTLD_NOW))
		abort();
	map_alone();
	printf("ready %d\n", getpid());
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		abort();
	free(malloc(100));
	exit(7);
}

int main(int argc, char **argv)
{
	pthread_t thread;

	if (argc < 2 || pthread_create(&thread, NULL, go_on_alone, argv[1]))
		abort();
	pthread_exit(NULL);
}
