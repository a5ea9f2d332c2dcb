/* What a user says of a function that hands out or takes back memory, --fn. */
#ifndef FN_H
#define FN_H

#include "types.h"

enum fn_kind {
	FN_ALLOC, FN_REALLOC, FN_FREE,
	FN_REF,  /* the block is to be freed once more */
	FN_UNREF /* it is freed, unless it is to be so still more often */
};

#define FN_NONE (-1)
#define FN_ARGUMENTS 6 /* those that registers pass, System V ABI AMD64 3.2.3 */

/* Numbers of arguments are from 0 here, FN_NONE where there is none. */
struct fn {
	const char *text; /* as it was given; its strings live as long as the process */
	const char *label; /* in reports: the name, or the place as it was given */
	enum fn_kind kind;
	const char *module; /* a pattern, or NULL: any; of its path, or of what is behind the last / */
	const char *name;   /* as people write it; or NULL: by place */
	taddr_t place;      /* with a module the offset there, else the address */
	int8_t size, count; /* bytes = size, or size * count, */
	uint64_t bytes;     /* or this, where there is no size */
	int8_t block;       /* that is taken back */
	int8_t next;  /* FREE: a chain of blocks is: where in each the next one's address is; */
	int16_t chain; /* or that place itself; or FN_NONE */
	bool beside;  /* its blocks lie in memory that is counted already, or are none */
	int8_t out;         /* where the block is stored, if the result is 0; else it is the result */
	const char *set;    /* of which it is one and may be missing; or NULL */
};

#endif
