/* The outputs of a command line, beside each other. */
#ifndef OUTPUTS_H
#define OUTPUTS_H

#include "options.h"

/* Ends our process where two of them would write over each other, or over one of the files that
 * are read. Streams may share a file. */
void outputs_check(const struct options *, const char *const *files, size_t count);

#endif
