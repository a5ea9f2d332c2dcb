/* Values as bytes: numbers in as few as they need (LEB128), strings by their length. What is
 * read may be anything: past its end, and wherever it makes no sense, reading fails for good
 * and gives zeros. */
#ifndef WIRE_H
#define WIRE_H

#include "types.h"

struct wire { /* all zero is an empty one; bytes are the owner's to free */
	uint8_t *bytes;
	size_t len, capacity;
	bool failed; /* no memory: it is not whole */
};

void wire_put(struct wire *, const void *bytes, size_t len);
void wire_number(struct wire *, uint64_t);
void wire_signed(struct wire *, int64_t); /* small ones of both signs are short */
void wire_text(struct wire *, const char *); /* NULL stays NULL */

struct wire_reader {
	const uint8_t *at, *end;
	bool failed;
};

uint64_t wire_take_number(struct wire_reader *);
int64_t wire_take_signed(struct wire_reader *);
bool wire_take_flag(struct wire_reader *); /* fails on anything but 0 and 1 */
/* At most max, else it fails. */
uint64_t wire_take_most(struct wire_reader *, uint64_t max);
/* How many of something that takes least bytes each, at the least; fails where they can't be
 * there. */
size_t wire_take_count(struct wire_reader *, size_t least);
/* The caller's to free; NULL: it was, or it failed, or there is no memory (which fails). */
char *wire_take_text(struct wire_reader *);

#endif
