/* A copy of a thread's stack, kept up to date by changes. */
#ifndef IMAGE_H
#define IMAGE_H

#include "types.h"

struct stack_image { /* what is known of one thread's stack: [begin, end) */
	taddr_t begin, end;
	uint8_t *bytes; /* room bytes; the one at address a is bytes[room - (end - a)] */
	size_t room;
};

/* Takes a change over: [at, at + len) is bytes, up to end it is as before. False:
 * what is before is not known, or no memory. */
bool image_apply(struct stack_image *, taddr_t at, const uint8_t *bytes, size_t len, taddr_t end);
bool image_read(const struct stack_image *, taddr_t addr, void *buf, size_t len);
void image_deinit(struct stack_image *);

#endif
