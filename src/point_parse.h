/* --at PLACE=ACTION. */
#ifndef POINT_PARSE_H
#define POINT_PARSE_H

#include "heap.h"
#include "point.h"

struct point_list {
	struct point *points;
	size_t count;
};

void point_parse(struct point_list *, const char *text); /* ends the process where it is none */
/* Says which were not met in the program's code. False: there are some. */
bool point_check(const struct point_list *, const struct heap *);

#endif
