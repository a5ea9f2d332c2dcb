/* The system calls that map, as reports name them. */
#ifndef MAP_CALLS_H
#define MAP_CALLS_H

#include "map_call.h"

struct map_call_name {
	enum map_call_kind kind;
	const char *name;
	bool always; /* told of even when it was not called */
};

extern const struct map_call_name map_calls[];
extern const size_t map_call_count;

#endif
