/* Where the traps of one function go. */
#ifndef TRAP_H
#define TRAP_H

#include "job.h"

/* NULL, or why a call is stopped twice: a static string. */
const char *trap_allocator(struct job *, const struct found *, const struct cfg *,
                           uint32_t function);
/* Where the entry's trap of a function stands; probe has what is known of it. False: nowhere; why
 * is a static string. */
bool trap_place_entry(struct job *, const struct cfg *, taddr_t entry, struct probe *,
                      const char **why);
void trap_name(struct job *, const struct found *, const struct cfg *, uint32_t function);
void trap_loader(struct job *, const struct found *, const struct cfg *, uint32_t function);

/* PROBE_USABLE, where that is wanted and told; or 0. */
uint16_t trap_usable(struct job *, const struct found *, uint32_t function);

#endif
