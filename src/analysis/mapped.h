/* The file behind a mapping. */
#ifndef MAPPED_H
#define MAPPED_H

#include <sys/types.h>

#include "types.h"

/* Opens the file that is mapped at [begin, end) under the path that /proc/PID/maps
 * gives, with that inode, never another one that has taken its place. A descriptor; -ESTALE: the path
 * leads there no more, and nothing else does without being root; or -errno. */
int mapped_open(pid_t, taddr_t begin, taddr_t end, const char *path, uint64_t inode);
bool mapped_is_gone(const char *path); /* as the kernel marks it, proc(5) */

#endif
