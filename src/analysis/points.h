/* What a thread that has come to a point means. */
#ifndef POINTS_H
#define POINTS_H

#include "model.h"

void points_met(struct heap *, const struct record_point *);

#endif
