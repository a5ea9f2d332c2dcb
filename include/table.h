/* An open-addressing map from nonzero 64-bit keys to 64-bit values. The table
 * owns its slots and nothing the values may name. */
#ifndef TABLE_H
#define TABLE_H

#include "types.h"

struct table_slot {
	uint64_t key, value;
};

struct table { /* all zero is an empty table */
	struct table_slot *slots;
	size_t capacity, used; /* capacity: 0 or a power of two */
};

void table_deinit(struct table *);
/* An exact copy over an empty table. False: no memory, it stays empty. */
bool table_copy(struct table *, const struct table *from);
void table_clear(struct table *);                        /* keeps the memory */
uint64_t *table_find(const struct table *, uint64_t key); /* NULL: not there */
/* Where key's value lives, made with value 0 when new. NULL: no memory.
 * Pointers live until the next put or remove. */
uint64_t *table_put(struct table *, uint64_t key);
bool table_remove(struct table *, uint64_t key);
/* Walks all entries: start with *at = 0; NULL ends. */
struct table_slot *table_next(const struct table *, size_t *at);

/* Tables as the values of one: key's, made empty when new. NULL: no memory. */
struct table *table_within(struct table *, uint64_t key);
void table_deinit_within(struct table *); /* with all in it */

#endif
