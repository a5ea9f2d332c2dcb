/* A place in the program as users give it: NAME, MODULE!NAME, MODULE+0xOFFSET or 0xADDRESS. */
#ifndef PLACE_PARSE_H
#define PLACE_PARSE_H

#include "types.h"

struct place {
	const char *module; /* a pattern, or NULL: any */
	const char *name;   /* or NULL: by addr, */
	taddr_t addr;       /* with a module the offset there */
};

/* text is the place's from now on, and changed. False: it names nothing. */
bool place_parse(struct place *, char *text);

#endif
