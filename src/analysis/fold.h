/* Frames between a program and its allocator that tell nobody anything. */
#ifndef FOLD_H
#define FOLD_H

#include <stdbool.h>

/* function: demangled, or NULL. */
bool fold_is_wrapper(const char *function);

#endif
