/* What each site held at moments that have a name; questions: heap_counters.h. */
#ifndef MARKS_H
#define MARKS_H

#include "counters.h"

void marks_clear(struct counters *);

#endif
