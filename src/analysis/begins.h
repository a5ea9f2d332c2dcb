/* Where functions certainly begin in code without symbols. A trap anywhere else would change an
 * instruction. File addresses. */
#ifndef BEGINS_H
#define BEGINS_H

#include "facts.h"

struct begins { /* owns its list; all zero: none */
	taddr_t *list; /* in no order */
	size_t count;
	struct table known;
};

bool begins_find(struct begins *, struct facts_table *); /* false: no memory, some may lack */
void begins_free(struct begins *);
bool begins_has(const struct begins *, taddr_t);

#endif
