/* Where functions begin, in code that no unwind table tells of: at symbols and where calls go. */
#ifndef STARTS_H
#define STARTS_H

#include "types.h"

struct starts { /* all zero: not looked for yet */
	taddr_t *list; /* file addresses, ascending; some may stand twice */
	size_t count, room;
	bool looked;
};

struct module;

/* The function around a file address, up to the next one's begin, padding included. False:
 * there is none, or the module is too large to be looked through. */
bool starts_around(struct module *, taddr_t vaddr, taddr_t *begin, taddr_t *end);
void starts_deinit(struct starts *);

#endif
