/* Which traps stand in a process, in a file that outlives a killed session: what
 * `alloctrace rescue` takes out again. See journal_file.h. */
#ifndef JOURNAL_H
#define JOURNAL_H

#include <stdio.h>

#include "types.h"

struct journal_trap {
	taddr_t addr;
	uint8_t original; /* the byte it stands on */
	bool is_entry;    /* what a thread that is in no call meets first; not in the file */
};

struct journal { /* all zero: none */
	FILE *file; /* NULL: it could not be made */
	int pid;
};

/* Begins anew, with no traps. Without the file the session goes on, unrescuable. */
void journal_begin(struct journal *, int pid);
void journal_add(struct journal *, const struct journal_trap *, size_t count); /* before they are planted */
void journal_forget(struct journal *, taddr_t begin, taddr_t end);
void journal_end(struct journal *); /* none is left: the file goes */
void journal_close(struct journal *); /* the file stays */

/* Reads pid's: 0 and calls take for every trap that may stand; -ENOENT: there is none;
 * -ESTALE: it is that of an earlier process with this number. */
int journal_read(int pid, void (*take)(void *ctx, taddr_t, uint8_t original), void *ctx);

#endif
