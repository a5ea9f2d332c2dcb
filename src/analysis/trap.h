/* Where the traps of one function go. */
#ifndef TRAP_H
#define TRAP_H

#include "job.h"

/* NULL, or why a call is stopped twice: a static string. */
const char *trap_allocator(struct job *, const struct found *, const struct cfg *,
                           uint32_t function);
void trap_name(struct job *, const struct found *, const struct cfg *, uint32_t function);
void trap_loader(struct job *, const struct found *, const struct cfg *, uint32_t function);

/* PROBE_USABLE, where that is wanted and told; or 0. */
uint16_t trap_usable(struct job *, const struct found *, uint32_t function);

#endif
