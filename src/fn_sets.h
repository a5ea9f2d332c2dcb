/* Sets of functions for --fn: the ready ones, and files. */
#ifndef FN_SETS_H
#define FN_SETS_H

#include "fn_parse.h"

/* All of a ready set, or of a file of that name: a line each, # begins a comment. Ends the process
 * when there is neither, or a line is none that --fn takes. */
void fn_set_add(struct fn_list *, const char *name);

/* One, of a set or NULL. NULL: it is taken; else what is wrong with it, and the list is of no
 * more use. */
const char *fn_add(struct fn_list *, const char *text, const char *set);

#endif
