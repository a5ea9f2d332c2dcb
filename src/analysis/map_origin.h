/* Who has mapped it: the program, or a library on its behalf. */
#ifndef MAP_ORIGIN_H
#define MAP_ORIGIN_H

#include "model.h"

/* enum heap_origin, or the number of an allocator; before the call is applied. */
unsigned map_origin(struct heap *, const struct record_map *, const struct site *);
const char *map_origin_name(const struct heap *, unsigned origin);
/* The module whose code wants what is mapped from the site: the innermost that is neither
 * libc nor the loader, when there is one; or NULL. */
const struct module *map_origin_module(const struct heap *, const struct site *);

#endif
