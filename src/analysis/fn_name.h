/* Names of functions as people write them. */
#ifndef FN_NAME_H
#define FN_NAME_H

#include <stdbool.h>

/* Is it the symbol's? As it stands; or C++'s or Rust's, with its parameters or without, and
 * blanks where they may be. */
bool fn_name_is(const char *name, const char *symbol);

#endif
