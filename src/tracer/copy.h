/* A forked child's copy of the memory, with our traps in it. */
#ifndef COPY_H
#define COPY_H

#include "bp.h"

/* The child stands at its first stop, and is to be let go without a trap. Returns how
 * many traps it keeps. */
size_t copy_clean(const struct space *, pid_t child);
/* The space whose memory was copied, by the traps in the copy; NULL when there is none. */
const struct space *copy_origin(pid_t child);

#endif
