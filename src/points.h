/* What is done where a thread comes to a point, --at and alloctrace/client.h. */
#ifndef POINTS_H
#define POINTS_H

#include "loop.h"

void points_listen(struct session *);

#endif
