/* Doing what the front asks: plan.h. */
#ifndef COMMAND_H
#define COMMAND_H

#include "bp.h"

bool command_obey(struct space *, const struct record *); /* false: leave the target */

#endif
