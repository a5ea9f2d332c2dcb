/* Blocks and mappings as a list of lines: FUNC: ADDRESS SIZE LIBRARY SYMBOL CALLER PROCESS. */
#ifndef ACTIVE_LIST_H
#define ACTIVE_LIST_H

#include <stdio.h>

#include "table.h"
#include "types.h"

struct active {
	taddr_t address;
	uint64_t size;
	char *function; /* without its ':' */
	char *rest;     /* of the line, up to the process: from " LIBRARY" on, or "" */
	int pid;        /* 0: there is only one */
};

struct actives {
	struct active *list;
	size_t count, capacity;
};

struct active_list { /* all zero is an empty one */
	struct actives blocks, maps;
	struct table processes; /* of a log; process + 1 -> table: address + 1 -> place of a block */
};

/* Both strings are taken over. False: no memory. */
bool active_add(struct actives *, const struct active *);
/* From a log of lines as mtrace's; false: cannot be read. *understood: lines that were. */
bool active_read(struct active_list *, FILE *, size_t *understood);
/* By address; what is added or read later is no more in order. False: no memory. */
bool active_sort(struct active_list *);
void active_put(const struct active_list *, FILE *); /* once it is sorted */
void active_deinit(struct active_list *);

#endif
