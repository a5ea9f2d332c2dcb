/* One line to stderr: "alloctrace: what: why; what to do". A format that ends
 * in ':' gets strerror(errno) appended. */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>

enum exit_status { /* INTERFACE: alloctrace's own endings */
	EXIT_USAGE = 2,
	EXIT_OURS = 125,
	EXIT_NOT_EXECUTABLE = 126,
	EXIT_NOT_FOUND = 127,
	EXIT_SIGNALLED = 128
};

/* Can a line be written without waiting for whoever reads stderr? If not it is counted as left
 * out, which is told when one can. */
bool log_has_room(void);
void log_tell_left_out(void);
void warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void die(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
