/* What blocks are worth to the program: more than was asked for. */
#ifndef USABLE_H
#define USABLE_H

#include "model.h"

bool usable_is_glibcs(const struct heap *); /* has every block been handed out by glibc? */
uint64_t usable_by_rule(uint64_t requested); /* of a chunk that is cut for it */

#endif
