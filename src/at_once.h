/* Errors of the program are told when they are met, where text goes that is read as it comes. */
#ifndef AT_ONCE_H
#define AT_ONCE_H

#include "reporting.h"

/* Those of each process that were not told yet. */
void at_once_tell(struct reporting *);

#endif
