/* Direct calls in code, found without decoding it: data that look like one are found too. */
#ifndef CALL_TARGETS_H
#define CALL_TARGETS_H

#include "elf.h"

/* Those that begin in [begin, end) of one segment, ascending; file addresses. Ends when each returns
 * false, and returns that. */
bool call_targets_in(const struct elf *, taddr_t begin, taddr_t end,
                     bool (*each)(void *ctx, taddr_t call, taddr_t target), void *ctx);
/* The same of all executable segments. */
bool call_targets(const struct elf *, bool (*each)(void *ctx, taddr_t call, taddr_t target), void *ctx);

#endif
