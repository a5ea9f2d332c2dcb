/* The catalogue: what an exported symbol's name says about a function. */
#ifndef CATALOG_H
#define CATALOG_H

#include "heap.h"

enum catalog_role {
	CATALOG_ALLOC,      /* hands out a block */
	CATALOG_REALLOC,    /* takes a block back, hands one out */
	CATALOG_FREE,       /* takes a block back */
	CATALOG_NAME_ALLOC, /* calls one of the above: only names the event */
	CATALOG_NAME_ROUNDS, /* the same, and asks it for more than it is asked for */
	CATALOG_NAME_FREE,
	CATALOG_LOADER      /* called when the loader has changed the modules */
};

#define CATALOG_NONE (-1)

struct catalog_entry {
	const char *symbol;
	const char *name; /* in reports */
	enum catalog_role role;
	int8_t size, count; /* argument numbers; bytes = size, or size * count */
	int8_t block;       /* argument number of the block taken back */
	bool out_param;     /* the block is stored where argument 0 points; 0 is success */
};

extern const struct catalog_entry catalog[];
extern const unsigned catalog_count;

int catalog_find(const char *symbol); /* index, or CATALOG_NONE */
enum heap_kind catalog_kind(int entry);
bool catalog_is_name(int entry);
bool catalog_is_operator(int entry); /* one of C++'s */
/* Functions that return their first argument (C11 7.24.2, 7.24.6): an allocator
 * may end by jumping to one. */
bool catalog_returns_argument(const char *symbol);

#endif
