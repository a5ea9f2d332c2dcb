/* The functions that a user names, in the modules that come. */
#ifndef FN_FIND_H
#define FN_FIND_H

#include "job.h"

struct fn_state { /* of one, in one address space; all zero: not seen yet */
	bool found;
	char *problem; /* why it is not traced where its name was met; or NULL */
};

size_t fn_count(void);
/* Adds those of the module under work to what was found. */
void fn_find(struct job *);
/* It is noted, and of one that a user names it is its problem. */
void fn_not_traced(struct job *, const struct found *, const char *why);
/* An array for fn_count of them, NULL if there are none or no memory; and to be freed so. */
struct fn_state *fn_states_new(void);
void fn_states_free(struct fn_state *);

#endif
