/* Is a module's file still the one that was loaded? */
#ifndef ORIGIN_H
#define ORIGIN_H

#include "model.h"

/* Adds a sentence to the ledger when it is not. */
void origin_check(struct heap *, struct module *);

#endif
