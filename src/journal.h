/* Which traps stand in a process, in a file that outlives a killed session: what
 * `alloctrace rescue` takes out again. See journal_file.h. */
#ifndef JOURNAL_H
#define JOURNAL_H

#include <stdbool.h>

#include "plan.h"

/* Begins anew, with no traps. Without the file the session goes on, unrescuable. */
void journal_begin(int pid);
void journal_add(const struct probe *, size_t count); /* before they are planted */
void journal_forget(taddr_t begin, taddr_t end);
void journal_end(void); /* none is left: the file goes */

/* Reads pid's: 0 and calls take for every trap that may stand; -ENOENT: there is none;
 * -ESTALE: it is that of an earlier process with this number. */
int journal_read(int pid, void (*take)(void *ctx, taddr_t, uint8_t original), void *ctx);

#endif
