#include "crash.h"

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "types.h"

static const char *line = "alloctrace: cannot start: out of memory, or a fault of its own\n";

void crash_launched(void)
{
	line = "alloctrace: out of memory, or a fault of its own: the report is lost, the program "
	       "is let go\n";
}

void crash_of_writer(void)
{
	line = "alloctrace: out of memory, or a fault of its own: the report is lost\n";
}

#ifndef __SANITIZE_ADDRESS__
static _Noreturn void tell(void)
{
	if (write(STDERR_FILENO, line, strlen(line)) < 0)
		_exit(EXIT_OURS);
	_exit(EXIT_OURS);
}

static void on_crash(int sig)
{
	(void)sig;
	tell();
}

/* Here before libc's own: libraries that assert that they got memory (libdw's tables)
 * would print a line of theirs first; assert(3). */
_Noreturn void __assert_fail(const char *, const char *, unsigned, const char *);
_Noreturn void __assert_fail(const char *what, const char *file, unsigned number,
                            const char *where)
{
	(void)what, (void)file, (void)number, (void)where;
	tell();
}
#endif

void crash_guard(void)
{
#ifndef __SANITIZE_ADDRESS__
	static uint8_t memory[1 << 14]; /* the stack may be what ran out */
	const stack_t stack = { .ss_sp = memory, .ss_size = sizeof(memory) };
	const struct sigaction action = { .sa_handler = on_crash,
		                          .sa_flags = SA_ONSTACK | (int)SA_RESETHAND };
	const int faults[] = { SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL };

	sigaltstack(&stack, NULL);
	for (size_t i = 0; i < countof(faults); i++)
		sigaction(faults[i], &action, NULL);
#endif
}
