/* Parts that several members have. */
#ifndef JSON_H
#define JSON_H

#include <yajl/yajl_gen.h>

#include "heap.h"

void json_site(yajl_gen, struct heap *, const struct heap_site *); /* members but the stack */
void json_threads(yajl_gen, const struct heap *); /* the member "threads" */
void json_stack(yajl_gen, struct heap *, uint32_t site); /* the member "stack" */
void json_frames(yajl_gen, struct heap *, uint32_t site); /* its value alone */

#endif
