/* Events, as rows. */
#ifndef TELL_H
#define TELL_H

#include "rows.h"

/* Of a process that has a row. */
void tell_event(struct sql *, struct known *, const struct heap_event *);

#endif
