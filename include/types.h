/* Scalars every folder shares. */
#ifndef TYPES_H
#define TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An address in the target. Never a host pointer: it is only ever read
 * through target memory access, compared, or printed. */
typedef uint64_t taddr_t;

#define countof(array) (sizeof(array) / sizeof((array)[0]))

#endif
