/* Rows on their way to the file, packed one behind the other. */
#ifndef BATCH_H
#define BATCH_H

#include "schema.h"

struct value {
	enum { VALUE_NULL, VALUE_NUMBER, VALUE_TEXT } kind;
	int64_t number;
	const char *text; /* UTF-8 */
	size_t len;       /* when it is read: its bytes */
};

static inline struct value number(uint64_t bits)
{
	return (struct value){ .kind = VALUE_NUMBER, .number = (int64_t)bits };
}

/* 0: there is none. */
static inline struct value id(uint64_t of)
{
	return (struct value){ .kind = of ? VALUE_NUMBER : VALUE_NULL, .number = (int64_t)of };
}

/* NULL: there is none. */
static inline struct value text(const char *of)
{
	return (struct value){ .kind = of ? VALUE_TEXT : VALUE_NULL, .text = of };
}

struct batch {
	struct batch *next;
	uint8_t *bytes;
	size_t len, room;
	uint32_t rows[RELATIONS];
};

struct batch *batch_new(void); /* NULL: no memory */
void batch_free(struct batch *);
/* Bytes that are not UTF-8 become U+FFFD, as in the reports. False: no memory, it is as before. */
bool batch_add(struct batch *, enum relation_id, const struct value *);
/* The next row; start with *at = 0. False: no more. The text's bytes are the batch's. */
bool batch_next(const struct batch *, size_t *at, enum relation_id *,
                struct value values[COLUMNS_MAX]);
/* The next one of a relation. */
bool batch_next_of(const struct batch *, size_t *at, enum relation_id,
                   struct value values[COLUMNS_MAX]);

#endif
