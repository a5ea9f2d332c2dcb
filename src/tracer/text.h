/* The pages of a program's text that get traps, as they were before. */
#ifndef TEXT_H
#define TEXT_H

#include "table.h"

struct text { /* all zero: no page */
	uint8_t (*pages)[4096];
	size_t count, capacity;
	struct table by_addr; /* the page's address -> index in pages + 1 */
};

/* Before the first trap in the page of addr. 0 or -errno. */
int text_keep(struct text *, int mem, taddr_t addr);
bool text_copy(struct text *, const struct text *from); /* over an empty one; false: no memory */
void text_forget(struct text *, taddr_t begin, taddr_t end);
/* How many bytes are not as they were, in the pages that are still there: *pages of them. */
size_t text_differences(const struct text *, int mem, size_t *pages);
void text_deinit(struct text *);

#endif
