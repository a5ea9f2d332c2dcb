/* What is mapped. */
#ifndef JSON_MAPS_H
#define JSON_MAPS_H

#include <yajl/yajl_gen.h>

#include "output.h"

/* The members "maps", "map_sites", "libraries", "vm" and "rss". */
void json_maps(yajl_gen, struct heap *);
void json_vm(yajl_gen, const struct heap_vm_figure *, size_t count); /* the member "vm" */
void json_mappings(yajl_gen, const struct report *); /* "mappings": each by itself */

#endif
