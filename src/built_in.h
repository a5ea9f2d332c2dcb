/* What programs that free all they own leave behind: libc and libstdc++ keep it until
 * the end, and no call gives it back. */
#ifndef BUILT_IN_H
#define BUILT_IN_H

#include "suppression.h"

void built_in_add(struct suppressions *);

#endif
