/* Memory written by PTRACE_POKEDATA, ptrace(2), where the kernel does not let
 * /proc/PID/mem write what the process itself may not (proc_mem.force_override,
 * Linux 6.12). It takes a thread that is stopped. */
#ifndef POKE_H
#define POKE_H

#include <sys/types.h>

#include "types.h"

int poke(pid_t stopped_tid, taddr_t addr, const void *buf, size_t len); /* 0 or -errno */
/* By whichever thread of the process is stopped; if none is, one is interrupted, and its
 * stop still comes to the wait loop. */
int poke_process(pid_t pid, taddr_t addr, const void *buf, size_t len);

#endif
