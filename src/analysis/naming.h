/* From a returned call to its site. */
#ifndef NAMING_H
#define NAMING_H

#include "model.h"

/* size: what the function was asked for; afterwards what the program asked for, where
 * a wrapper was given another one. The site's index, or SITE_NONE: no memory. */
uint32_t naming_site(struct heap *, struct view *, const struct record_return *,
                     const struct function *, uint64_t *size);

/* The same for a function that is entered, by the record's stack, which is taken over: SITE_NONE
 * also where nothing is known of it. */
uint32_t naming_entered_site(struct heap *, struct view *, const struct record_entered *, int entry);

/* The same where only the place that it returns to is known; 0: nor is that. */
uint32_t naming_caller_site(struct heap *, int entry, taddr_t caller);

/* The same for a system call that maps. */
uint32_t naming_map_site(struct heap *, struct view *, const struct record_map *);

/* By which of its names a free was called that returns there: its catalogue entry. */
int naming_free(struct heap *, const struct function *, taddr_t caller);

#endif
