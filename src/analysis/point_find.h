/* Places of the program, in the modules that come. */
#ifndef POINT_FIND_H
#define POINT_FIND_H

#include "job.h"

struct point_state { /* of one, in one address space; all zero: not seen yet */
	char *problem; /* why it is not met where it was found; NULL: not told yet */
};

struct point_probe { /* one that the program has in itself */
	enum point_action action;
	uint8_t args, registers[POINT_ARGS]; /* how many, and where they are */
};

size_t point_count(void);
const struct point *point_numbered(uint32_t number); /* or NULL: a probe of the program's own */
/* Plans traps at those of the module under work, and at the probes it has in itself: their
 * numbers are behind, by enum point_action. */
void point_find(struct job *);
/* NULL, or why there can be no trap: a static string. */
const char *point_plan(struct job *, taddr_t vaddr, const struct point_probe *);
/* An array for point_count of them, NULL if there are none or no memory; and to be freed so. */
struct point_state *point_states_new(void);
void point_states_free(struct point_state *);

#endif
