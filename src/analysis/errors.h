/* Errors of the program: frees of what does not live. */
#ifndef ERRORS_H
#define ERRORS_H

#include "model.h"

struct bad_free {
	int tid;
	uint32_t by;     /* the function's number */
	int entry;       /* by which function, in the catalogue */
	taddr_t addr;    /* as the live table has it */
	uint32_t site;   /* its stack; SITE_NONE: not known */
	taddr_t around;  /* the live block in whose midst it lies, or 0 */
	const struct block *block; /* that it frees all the same, by the wrong function; or NULL */
};

void errors_clear(struct errors *); /* of another program; its memory stays */
/* What it is, one that is counted already included. */
void errors_add(struct heap *, enum heap_error_kind, const struct bad_free *);
/* Is the block one of another family of functions than that which frees it, from the site? */
bool errors_mismatch(const struct heap *, const struct block *, int entry, uint32_t site);
/* In the midst of which live block it lies: its address, or 0. Looks at all of them, some
 * times: then it is taken to be in none. */
taddr_t errors_block_around(struct heap *, taddr_t);

#endif
