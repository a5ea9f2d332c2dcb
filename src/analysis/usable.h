/* What blocks are worth to the program, which is more than was asked for: by what glibc keeps in
 * front of them. */
#ifndef USABLE_H
#define USABLE_H

#include "model.h"

/* Bytes of the block that the function has just handed out, behind this word; 0: not known. */
uint64_t usable_of_new(const struct heap *, const struct function *, uint64_t word,
                       uint64_t requested);
/* The same of one that it is given. */
uint64_t usable_of_old(const struct function *, uint64_t word);
bool usable_is_glibcs(const struct heap *); /* has every block been handed out by glibc? */
uint64_t usable_by_rule(uint64_t requested); /* of a chunk that is cut for it */

#endif
