/* What suppressions cover, in text. */
#ifndef SUPPRESSED_H
#define SUPPRESSED_H

#include "output.h"

/* Takes the covered sites out of the list; how many are left. */
size_t suppressed_drop(const struct report *, struct heap_site *, size_t count);
void suppressed_put(FILE *, const struct report *);

#endif
