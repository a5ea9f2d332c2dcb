/* Blocks and mappings as a list of lines: FUNC: ADDRESS SIZE LIBRARY SYMBOL CALLER. */
#ifndef ACTIVE_LIST_H
#define ACTIVE_LIST_H

#include <stdio.h>

#include "table.h"
#include "types.h"

struct active {
	taddr_t address;
	uint64_t size;
	char *function; /* without its ':' */
	char *rest;     /* of the line: from " LIBRARY" on, or "" */
	bool is_map;
	bool gone;
};

struct active_list { /* all zero is an empty one */
	struct active *list;
	size_t count, capacity;
	struct table blocks; /* address + 1 -> place of the live one */
};

/* Both strings are taken over. False: no memory. */
bool active_add(struct active_list *, const struct active *);
/* From a log of lines as mtrace's; false: cannot be read. *understood: lines that were. */
bool active_read(struct active_list *, FILE *, size_t *understood);
void active_put(struct active_list *, FILE *); /* by address */
void active_deinit(struct active_list *);

#endif
