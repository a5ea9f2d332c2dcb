/* The allocator of a program that is linked statically and has no symbols. */
#ifndef STRIPPED_H
#define STRIPPED_H

#include "facts.h"
#include "job.h"

/* Adds to what the job has found. Nothing is added that was not verified, and the plan is told by
 * whose code it is; what was refused, and why, is noted. */
void stripped_find(struct job *);
extern const char stripped_table[]; /* the struct found.table of what it has found */

/* ---- for the files that know one C library each ----------------------------------------------- */

enum family_role { FAMILY_MALLOC, FAMILY_CALLOC, FAMILY_REALLOC, FAMILY_FREE, FAMILY_ROLES };

#define FAMILY_OTHERS 8

struct family { /* what is found of it; file addresses, 0: not there */
	struct facts_table *table;
	taddr_t at[FAMILY_ROLES];
	struct {
		const char *name; /* static */
		taddr_t at;
	} others[FAMILY_OTHERS];
	unsigned other_count;
	struct address_set emptiers; /* whose calls of free are the library's own */
	bool is_glibc;
	taddr_t memset_slot; /* what calloc jumps on to goes through it */
	const char *lacks; /* the end of a sentence, static; or NULL */
	const char *why; /* it was refused: a static string */
};

enum { TAKES_0 = 1, TAKES_01 = 3, TAKES_012 = 7 }; /* struct facts.args */

/* Each: false when there is no sign of the library; then why is NULL. */
bool family_find_glibc(struct family *);
bool family_find_musl(struct family *);

void family_add(struct family *, const char *name, taddr_t at); /* one of the others */
/* The functions that have an instruction that names any of these addresses. */
void family_users(struct family *, const struct address_set *, struct address_set *functions);
void family_callers(struct family *, taddr_t function, struct address_set *functions);
/* The only one of them that fits; 0: none, or several. */
taddr_t family_only(struct family *, const taddr_t *list, size_t count,
                    bool (*fits)(struct family *, const struct facts *, const void *ctx),
                    const void *ctx);

#endif
