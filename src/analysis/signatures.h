/* What C libraries without symbols are known by; made by scripts/signatures. Lists end with NULL
 * or 0. */
#ifndef SIGNATURES_H
#define SIGNATURES_H

#include "types.h"

/* Texts that stand in glibc's realloc; _int_malloc; free or what it calls; what all functions
 * that ask for an alignment call; what empties the cache of a thread that ends. */
extern const char *const glibc_realloc[];
extern const char *const glibc_malloc[];
extern const char *const glibc_free[];
extern const char *const glibc_memalign[];
extern const char *const glibc_emptier[];
/* What musl compares sizes with, or adds to them first. */
extern const uint64_t musl_limits[];

#endif
