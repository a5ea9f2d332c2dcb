/* Linked into alloctrace: FAIL_AT=N makes the N-th allocation of the front fail,
 * FAIL_FROM=N that one and all after it. FAIL_COUNT=FILE: how many there were is written
 * there at the end. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FAILING(name, params, args)           \
	void *__real___libc_##name params;    \
	void *__wrap___libc_##name params;    \
	void *__wrap___libc_##name params     \
	{                                     \
		return fails() ? NULL : __real___libc_##name args; \
	}

static unsigned long count, at, from;
static pid_t front;

static unsigned long number(const char *name)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 10) : 0;
}

static bool fails(void)
{
	if (front != getpid()) /* the tracer's and the launched child's are not counted */
		return false;
	count++;
	if (count != at && (!from || count < from))
		return false;
	errno = ENOMEM;
	return true;
}

FAILING(malloc, (size_t size), (size))
FAILING(calloc, (size_t n, size_t size), (n, size))
FAILING(realloc, (void *block, size_t size), (block, size))
FAILING(memalign, (size_t alignment, size_t size), (alignment, size))

__attribute__((constructor)) static void begin(void)
{
	at = number("FAIL_AT");
	from = number("FAIL_FROM");
	front = getpid();
}

__attribute__((destructor)) static void end(void)
{
	const char *path = getenv("FAIL_COUNT");
	unsigned long total = count;
	FILE *file;

	if (!path || front != getpid())
		return;
	front = 0;
	file = fopen(path, "w");
	if (file) {
		fprintf(file, "%lu\n", total);
		fclose(file);
	}
}
