/* The text of --fn: KIND:WHERE[(KEY=N,...)], or @SET, or @FILE that holds such lines. */
#ifndef FN_PARSE_H
#define FN_PARSE_H

#include "fn.h"

struct fn_list {
	struct fn *fns;
	size_t count;
};

/* Ends the process when the text is none that --fn takes, saying why. What is added refers to
 * text. */
void fn_parse(struct fn_list *, const char *text);

#endif
