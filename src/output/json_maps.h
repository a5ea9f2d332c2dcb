/* What is mapped. */
#ifndef JSON_MAPS_H
#define JSON_MAPS_H

#include <yajl/yajl_gen.h>

#include "heap.h"

void json_maps(yajl_gen, struct heap *); /* the members "maps" and "map_sites" */

#endif
