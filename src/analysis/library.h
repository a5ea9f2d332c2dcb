/* What else of an allocator's library the tracer must know. */
#ifndef LIBRARY_H
#define LIBRARY_H

#include "job.h"

/* The calls of found by which the library means itself, not the program. */
void library_internals(struct job *, const struct found *, uint32_t function);
/* Where signal handlers return to. */
void library_sigreturn(struct job *);
/* The push and the ret of every planned probe; last, when all traps are known. */
void library_lend(struct job *);

#endif
