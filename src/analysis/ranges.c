#include "ranges.h"

#include <stdlib.h>

void *ranges_room(void *list, size_t count, size_t *capacity, size_t size)
{
	size_t wanted = *capacity ? *capacity * 2 : 16;

	if (count < *capacity)
		return list;
	list = realloc(list, wanted * size);
	if (list)
		*capacity = wanted;
	return list;
}

/* Code that the linker dropped stands at 0. */
void ranges_add(struct ranges *ranges, Dwarf_Die *die, size_t number)
{
	Dwarf_Addr base, begin, end;

	for (ptrdiff_t at = 0; (at = dwarf_ranges(die, at, &base, &begin, &end)) > 0;) {
		struct range *list = ranges_room(ranges->list, ranges->count, &ranges->capacity,
		                                 sizeof(*list));

		if (!list)
			return;
		ranges->list = list;
		if (begin && begin < end)
			list[ranges->count++] = (struct range){ begin, end, *die, number };
	}
}

static int by_begin(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->begin < y->begin ? -1 : x->begin > y->begin;
}

void ranges_sort(struct ranges *ranges)
{
	if (ranges->count)
		qsort(ranges->list, ranges->count, sizeof(*ranges->list), by_begin);
}

const struct range *ranges_at(const struct ranges *ranges, Dwarf_Addr addr)
{
	size_t low = 0, high = ranges->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (ranges->list[middle].begin <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low && addr < ranges->list[low - 1].end ? &ranges->list[low - 1] : NULL;
}

void ranges_deinit(struct ranges *ranges)
{
	free(ranges->list);
	*ranges = (struct ranges){ 0 };
}
