/* Executable memory that belongs to no module: made by the program as it runs, or of a
 * file that is no ELF file to be read. */
#ifndef REGION_H
#define REGION_H

#include <sys/types.h>

#include "types.h"

struct region {
	taddr_t begin, end; /* addresses in the target */
	char *name;         /* as /proc/PID/maps has it, "[anon]" where it has none */
	struct region *next;
	unsigned users; /* lists it begins, and the region before it */
};

struct regions {
	struct region *list; /* what was ever asked for; stays, for frames name it */
};

/* The region an address lies in, or NULL. Looks at the process when none is known. */
const struct region *regions_at(struct regions *, pid_t, taddr_t);
/* The same ones, shared; what is asked for later is each list's own. */
void regions_copy(struct regions *, const struct regions *from);
void regions_forget(struct regions *); /* no frame names one any more */

#endif
