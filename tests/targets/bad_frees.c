/* bad_frees KIND: frees what it should not, and ends by _exit before libc can mind; as `exec` it
 * begins anew instead, as `data`. What it does is done twice from one place for `double`. With
 * `wait` behind it, it says "ready PID" and waits for a line between allocating and freeing. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define noipa __attribute__((noipa))

static char in_data[64];
static volatile int rounds = 2;
static int begins_anew;

static noipa void *take(size_t size)
{
	void *at = malloc(size);

	__asm__ volatile("" : "+r"(at) : : "memory");
	return at;
}

static noipa void drop(void *at)
{
	free(at);
	__asm__ volatile("" : : : "memory");
}

static noipa void drop_badly(void *at)
{
	free(at);
	__asm__ volatile("" : : : "memory");
}

static noipa void resize_badly(void *at)
{
	at = realloc(at, 500);
	__asm__ volatile("" : "+r"(at) : : "memory");
}

/* In glibc's cache, without the mark by which it knows what is in there already. */
static void *freed(void)
{
	char *at = take(24);

	drop(at);
	memset(at + 8, 0, 8);
	return at;
}

/* libc ends the program at once when it notices. */
static void leave(int signal)
{
	(void)signal;
	if (begins_anew)
		execl("/proc/self/exe", "bad_frees", "data", NULL);
	_exit(3);
}

static void *in_a_thread(void *at)
{
	drop_badly(at);
	return NULL;
}

int main(int count, char **words)
{
	const char *kind = count > 1 ? words[1] : "";
	char line[16], on_stack[64];
	char *block = take(100);
	pthread_t thread;

	begins_anew = strcmp(kind, "exec") == 0;
	signal(SIGABRT, leave);
	signal(SIGSEGV, leave);
	if (count > 2) {
		printf("ready %d\n", getpid());
		fflush(stdout);
		if (!fgets(line, sizeof(line), stdin))
			return 2;
	}
	close(STDERR_FILENO); /* libc's sentence */
	if (strcmp(kind, "double") == 0)
		for (int i = 0; i < rounds; i++)
			drop_badly(freed());
	else if (strcmp(kind, "thread") == 0 &&
	         pthread_create(&thread, NULL, in_a_thread, freed()) == 0)
		pthread_join(thread, NULL);
	else if (strcmp(kind, "middle") == 0)
		drop_badly(block + 32);
	else if (strcmp(kind, "exec") == 0 || strcmp(kind, "data") == 0)
		drop_badly(in_data + 16);
	else if (strcmp(kind, "stack") == 0)
		drop_badly(on_stack + 16);
	else if (strcmp(kind, "realloc") == 0)
		resize_badly(block + 16);
	else if (strcmp(kind, "earlier") == 0)
		drop(block);
	_exit(3);
}
