/* What musl's files have in common. */
#ifndef STRIPPED_MUSL_H
#define STRIPPED_MUSL_H

#include "stripped.h"

struct musl_core { /* the functions that do the work; 0: there is none */
	taddr_t malloc, realloc, free;
};

/* Blocks have a header, which it, or what it calls, reads; that stops the program where a header
 * is not as it must be. */
bool musl_reads_header(struct family *, const struct facts *);
bool musl_stops(struct family *, const struct facts *);
/* Has it no row in an unwind table, as most of musl? Stacks end in it then. */
bool musl_is_rowless(struct family *, taddr_t function);
/* False: not all of malloc and free is there. */
bool musl_find_core(struct family *, struct musl_core *);
/* What the program calls; both fill in the family. */
void musl_find_entries(struct family *, const struct musl_core *);
void musl_find_others(struct family *, const struct musl_core *);
/* Functions that do nothing but call one, with the arguments that they have got. */
void musl_find_forwards(struct family *, taddr_t to, unsigned args, struct address_set *);

#endif
