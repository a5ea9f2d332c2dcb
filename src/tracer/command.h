/* Doing what the front asks: plan.h. */
#ifndef COMMAND_H
#define COMMAND_H

#include <stdbool.h>

#include "record.h"

bool command_obey(const struct record *); /* false: leave all that is traced */

#endif
