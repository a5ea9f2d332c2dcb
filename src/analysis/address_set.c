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

static int by_address(const void *a, const void *b)
{
	taddr_t x = *(const taddr_t *)a, y = *(const taddr_t *)b;

	return x < y ? -1 : x > y;
}

void addresses_sort(taddr_t *list, size_t count)
{
	if (count)
		qsort(list, count, sizeof(*list), by_address);
}

size_t addresses_up_to(const taddr_t *list, size_t count, taddr_t addr)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (list[middle] <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}
