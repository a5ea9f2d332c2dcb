/* The program that alloctrace is asked to trace: started, or found running, and what becomes
 * of it. What is traced of it, and of its descendants: processes.h. */
#ifndef TARGET_H
#define TARGET_H

#include "launch.h"
#include "options.h"

struct target {
	bool attached; /* found running: it is not our child */
	pid_t pid;
	bool ended;
	int status;    /* when it has ended, as waitpid gives it */
	struct launch launch; /* unless attached */
	char *const *argv;    /* the same */
};

/* The one that the options mean. Ends our process when it can't be traced. */
void target_find(struct target *, const struct options *);
/* Unless attached, starts it, to wait for the tracer. 0 or -errno. */
int target_start(struct target *, pid_t tracer, const struct launch_signals *);
void target_seized(struct target *); /* the tracer has it: it may go on */
void target_refused(struct target *, int error); /* it may not: says why; our child is killed */
void target_reap(struct target *); /* after SIGCHLD: has it stopped or ended? */
/* If it never ran, ends our process: 126, 127; unless we have failed and said so before.
 * Blocks until it is known. */
void target_check_ran(struct target *, bool failed);
int target_exit_status(const struct target *); /* what ours is, for its part */

#endif
