/* Suppressions against the stack of a site. */
#ifndef MATCH_H
#define MATCH_H

#include "suppression.h"

/* The index of the first that covers the site, or their count. The stack is as
 * heap_whole_stack has it, without the site's own function. */
size_t match_site(const struct suppressions *, const struct heap_site *,
                  const struct heap_frame *stack, size_t count);

#endif
