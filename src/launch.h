/* Starting the program as it would start without us: our child, stopped before its
 * exec until the tracer has it. */
#ifndef LAUNCH_H
#define LAUNCH_H

#include <signal.h>
#include <sys/types.h>

struct launch {
	pid_t pid;
	int go;    /* write a byte: it may exec */
	int error; /* readable: end of file when it has, else an errno */
};

struct launch_signals { /* the state alloctrace was started with */
	sigset_t mask;
	struct sigaction chld;
};

/* Ends the process when argv[0] can't be run: 126, 127. */
void launch_check(char *const argv[]);
int launch(struct launch *, char *const argv[], pid_t tracer, const struct launch_signals *);
void launch_go(struct launch *);
/* The errno of a failed exec, or 0. Blocks until it is known. */
int launch_result(struct launch *);

#endif
