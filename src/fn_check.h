/* Whether the functions of --fn were found. */
#ifndef FN_CHECK_H
#define FN_CHECK_H

#include "analysis.h"
#include "fn_parse.h"

/* Warns of each that is not traced; of a set one is enough. False: there are such. */
bool fn_check(const struct fn_list *, const struct heap *);

#endif
