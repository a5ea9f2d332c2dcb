/* Which process -p means, and whether it may be traced. */
#ifndef ATTACH_H
#define ATTACH_H

#include <stdbool.h>
#include <sys/types.h>

/* The process that has the thread pid. Ends our process, with one sentence, when there
 * is none or it is none that can be traced. */
pid_t attach_check(pid_t pid, bool init_too);
/* One sentence on why the kernel said error (an errno) when asked to trace it. */
void attach_explain(pid_t pid, int error);

#endif
