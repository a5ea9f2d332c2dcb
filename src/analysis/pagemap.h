/* Which pages of a process are in memory: /proc/PID/pagemap, Linux
 * Documentation/admin-guide/mm/pagemap.rst. */
#ifndef PAGEMAP_H
#define PAGEMAP_H

#include <sys/types.h>

#include "types.h"

int pagemap_open(pid_t); /* a descriptor, or -errno */

/* Each range of pages in memory within [begin, end), ascending; both ends are at pages. Left
 * out are pages that were only ever read, all of them the kernel's one page of zeros, which is
 * nobody's: before Linux 6.7 that cannot be told. False: it could not be read, or each has
 * returned false. */
bool pagemap_each(int fd, taddr_t begin, taddr_t end,
                  bool (*each)(void *ctx, taddr_t begin, taddr_t end), void *ctx);
uint64_t pagemap_bytes(int fd, taddr_t begin, taddr_t end); /* how much of them */

/* The way of older kernels, for tests. */
bool pagemap_each_entry(int fd, taddr_t begin, taddr_t end,
                        bool (*each)(void *ctx, taddr_t begin, taddr_t end), void *ctx);

#endif
