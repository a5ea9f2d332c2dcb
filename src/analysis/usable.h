/* What blocks are worth, by what glibc keeps in front of them. */
#ifndef USABLE_H
#define USABLE_H

#include "model.h"

/* Bytes of the block that the function has just handed out, behind this word; 0: not known. */
uint64_t usable_of_new(const struct heap *, const struct function *, uint64_t word,
                       uint64_t requested);
/* The same of one that it is given. */
uint64_t usable_of_old(const struct function *, uint64_t word);

#endif
