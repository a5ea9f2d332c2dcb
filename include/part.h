/* The patterns of --match and --hide. */
#ifndef PART_H
#define PART_H

#include "types.h"

/* Has the text the pattern in it? '*' stands for anything; text NULL has nothing. */
bool part_in(const char *text, const char *pattern);

#endif
