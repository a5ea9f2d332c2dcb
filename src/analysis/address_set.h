/* A few addresses, in the order they came. */
#ifndef ADDRESS_SET_H
#define ADDRESS_SET_H

#include "types.h"

struct address_set { /* owns list; all zero is an empty one */
	taddr_t *list;
	size_t count;
};

bool address_set_add(struct address_set *, taddr_t); /* once; false: no memory */
bool address_set_has(const struct address_set *, taddr_t);
void address_set_free(struct address_set *);

/* Of a plain list: ascending; and in such a one, how many are not above addr. */
void addresses_sort(taddr_t *list, size_t count);
size_t addresses_up_to(const taddr_t *list, size_t count, taddr_t addr);

#endif
