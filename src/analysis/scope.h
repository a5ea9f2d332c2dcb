/* What DWARF says about a place in code: its line, the function it stands in and the
 * functions inlined there. Addresses are the debug file's own. */
#ifndef SCOPE_H
#define SCOPE_H

#include <elfutils/libdw.h>
#include <stdbool.h>

struct scopes; /* of one module; grows with what is asked */

struct scope { /* strings belong to the Dwarf */
	const char *name; /* as linked where DWARF tells, else as written; or NULL */
	Dwarf_Addr begin; /* of the function; 0 for an inlined one */
	const char *file; /* of the place in it, or NULL */
	int line;         /* 0: unknown */
};

struct scopes *scopes_new(Dwarf *); /* NULL: no memory; the Dwarf stays the caller's */
void scopes_free(struct scopes *);
/* Innermost first, the real function last; 0 when DWARF knows nothing of the address.
 * The list is valid until the next call. */
size_t scopes_at(struct scopes *, Dwarf_Addr, const struct scope **);

#endif
