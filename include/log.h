/* One line to stderr: "alloctrace: what: why; what to do". A format that ends
 * in ':' gets strerror(errno) appended. */
#ifndef LOG_H
#define LOG_H

enum exit_status { /* INTERFACE: alloctrace's own endings */
	EXIT_USAGE = 2,
	EXIT_OURS = 125,
	EXIT_NOT_EXECUTABLE = 126,
	EXIT_NOT_FOUND = 127,
	EXIT_SIGNALLED = 128
};

void warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void die(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
