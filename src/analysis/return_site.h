/* Where a function returns to, traced because its own ends are not known. */
#ifndef RETURN_SITE_H
#define RETURN_SITE_H

#include "model.h"

/* A thread is held at the function's begin until a trap stands there. */
void return_site_plan(struct heap *, const struct record_returns *);

#endif
