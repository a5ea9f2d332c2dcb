/* What program the process now runs, from /proc. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include "model.h"

void program_read(struct heap *, int pid);
/* A forked child's. False: no memory. */
bool program_copy(struct heap *, const struct heap *from, int pid);
bool program_split(struct heap *); /* cmdline into argv; false: no memory */
void program_free(struct heap *);
/* Is it the interpreter the kernel mapped for the program? AT_BASE, getauxval(3). */
bool program_is_loader(const struct heap *, const struct module *);

#endif
