/* libc_keeps WHAT...: calls libc functions that keep memory which no program can free,
 * and leaves nothing of its own. */
#include <locale.h>
#include <netdb.h>
#include <pthread.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void out(void)
{
	puts("a line");
}

static void in(void)
{
	getchar();
}

static void locale(void)
{
	setlocale(LC_ALL, "C.UTF-8");
}

static void user(void)
{
	getpwnam("root");
}

static void service(void)
{
	getservbyname("http", "tcp");
}

static void *nothing(void *arg)
{
	return arg;
}

static void thread(void)
{
	pthread_t id;

	if (pthread_create(&id, NULL, nothing, NULL) == 0)
		pthread_join(id, NULL);
}

static void zone(void)
{
	time_t now = 0;

	localtime(&now);
}

static void error(void)
{
	strerror(12345);
}

static const struct { const char *name; void (*run)(void); } table[] = {
	{ "out", out }, { "in", in }, { "locale", locale }, { "user", user },
	{ "service", service }, { "thread", thread }, { "zone", zone }, { "error", error },
};

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		for (size_t k = 0; k < sizeof(table) / sizeof(table[0]); k++)
			if (strcmp(table[k].name, argv[i]) == 0)
				table[k].run();
	return 0;
}
