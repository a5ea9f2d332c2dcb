#include "crash.h"

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include "log.h"
#include "types.h"

#ifndef __SANITIZE_ADDRESS__
static void on_crash(int sig)
{
	static const char line[] = "alloctrace: out of memory, or a fault of its own: the report is "
	                           "lost, the program is let go\n";

	(void)sig;
	if (write(STDERR_FILENO, line, sizeof(line) - 1) < 0)
		_exit(EXIT_OURS);
	_exit(EXIT_OURS);
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
