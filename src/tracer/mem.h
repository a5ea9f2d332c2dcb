/* The target's memory through /proc/TID/mem, which writes read-only text too. */
#ifndef MEM_H
#define MEM_H

#include <sys/types.h>

#include "types.h"

int mem_open(pid_t tid); /* a descriptor, or -errno; stands for the memory of that moment */
int mem_read(int mem, taddr_t addr, void *buf, size_t len);        /* whole or -EFAULT */
/* Characters up to the 0 byte, at most so many; those that cannot be read do not count. */
uint64_t mem_string(int mem, taddr_t addr, uint64_t most);
int mem_write(int mem, taddr_t addr, const void *buf, size_t len); /* whole or -EFAULT */

#endif
