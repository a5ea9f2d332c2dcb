/* DWARF entries by the code they cover. */
#ifndef RANGES_H
#define RANGES_H

#include <elfutils/libdw.h>
#include <stdbool.h>

struct range { /* [begin, end) */
	Dwarf_Addr begin, end;
	Dwarf_Die die;
	size_t number; /* of the entry, as the caller counts */
};

struct ranges { /* by begin, once sorted */
	struct range *list;
	size_t count, capacity;
};

void ranges_add(struct ranges *, Dwarf_Die *, size_t number); /* all that it covers */
void ranges_sort(struct ranges *);
const struct range *ranges_at(const struct ranges *, Dwarf_Addr); /* or NULL */
void ranges_deinit(struct ranges *);

/* list with room for one more element; NULL: no memory, the list is as it was. */
void *ranges_room(void *list, size_t count, size_t *capacity, size_t size);

#endif
