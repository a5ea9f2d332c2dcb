#include "log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void vwarn(const char *fmt, va_list args)
{
	char line[1024];
	int error = errno;
	size_t end = strlen(fmt);
	int n = snprintf(line, sizeof(line), "alloctrace: ");

	n += vsnprintf(line + n, sizeof(line) - n, fmt, args);
	if ((size_t)n > sizeof(line) - 2)
		n = sizeof(line) - 2;
	if (end > 0 && fmt[end - 1] == ':')
		n += snprintf(line + n, sizeof(line) - n, " %s", strerror(error));
	if ((size_t)n > sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	/* one write: lines of several processes do not interleave */
	if (write(STDERR_FILENO, line, n) < 0)
		return;
}

void warn(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vwarn(fmt, args);
	va_end(args);
}

static unsigned long left_out;

static bool would_wait(void)
{
	struct pollfd to = { STDERR_FILENO, POLLOUT, 0 };

	return poll(&to, 1, 0) == 0;
}

void log_tell_left_out(void)
{
	unsigned long count = left_out;

	if (!count || would_wait())
		return;
	left_out = 0;
	warn("%lu lines were left out here: nobody read them", count);
}

bool log_has_room(void)
{
	log_tell_left_out();
	if (!would_wait())
		return true;
	left_out++;
	return false;
}

void die(int status, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vwarn(fmt, args);
	va_end(args);
	exit(status);
}
