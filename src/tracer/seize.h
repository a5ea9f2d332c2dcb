/* Beginning to trace: a program about to be launched, or one that runs. */
#ifndef SEIZE_H
#define SEIZE_H

#include <sys/types.h>

/* Answered by REC_SEIZED. */
void seize_launched(pid_t pid);

/* All threads of the process, also those born meanwhile, and quietly: none is
 * interrupted, which would make its system calls return early. Answered by REC_SEIZED,
 * and behind it REC_ATTACHED. */
void seize_running(pid_t pid);

#endif
