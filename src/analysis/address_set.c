#include "address_set.h"

#include <stdlib.h>

bool address_set_has(const struct address_set *set, taddr_t addr)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->list[i] == addr)
			return true;
	return false;
}

bool address_set_add(struct address_set *set, taddr_t addr)
{
	taddr_t *grown;

	if (address_set_has(set, addr))
		return true;
	grown = realloc(set->list, (set->count + 1) * sizeof(*grown));
	if (!grown)
		return false;
	set->list = grown;
	grown[set->count++] = addr;
	return true;
}

void address_set_free(struct address_set *set)
{
	free(set->list);
	*set = (struct address_set){ 0 };
}
