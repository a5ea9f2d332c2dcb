/* Numbers as a person reads them. Each writes into the caller's buffer and
 * returns it; the macros lend one that lives to the end of the block. */
#ifndef UNITS_H
#define UNITS_H

#include "types.h"

#define UNITS_MAX 64

char *units_number(char *out, uint64_t n);                  /* 12,345 */
char *units_bytes(char *out, uint64_t n);                   /* 1.5 MiB */
char *units_count(char *out, uint64_t n, const char *noun); /* 1 block, 2 blocks */
char *units_time(char *out, uint64_t ms);                   /* 1.2 s */
char *units_share(char *out, uint64_t part, uint64_t whole); /* 80.1 % */

#define in_digits(n) units_number((char[UNITS_MAX]){ 0 }, n)
#define in_bytes(n) units_bytes((char[UNITS_MAX]){ 0 }, n)
#define in_count(n, noun) units_count((char[UNITS_MAX]){ 0 }, n, noun)
#define in_time(ms) units_time((char[UNITS_MAX]){ 0 }, ms)
#define in_share(part, whole) units_share((char[UNITS_MAX]){ 0 }, part, whole)

#endif
