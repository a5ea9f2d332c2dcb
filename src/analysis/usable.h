/* What the live blocks are worth to the program, malloc_usable_size(3). */
#ifndef USABLE_H
#define USABLE_H

#include "model.h"

/* Looks into the target's memory; no thread is to map anything meanwhile. */
void usable_look(struct heap *);

#endif
