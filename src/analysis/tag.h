/* What a program calls its allocations, alloctrace/client.h: the outermost frame of their stacks,
 * so that every kind of report has it. */
#ifndef TAG_H
#define TAG_H

#include "model.h"

/* The number of the stack to go on to; 0: none, as the name is "", or no memory. */
uint32_t tag_stack(struct heap *, const char *name, const char *detail);

#endif
