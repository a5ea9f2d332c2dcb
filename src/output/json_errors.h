/* The member "errors" of a JSON report. */
#ifndef JSON_ERRORS_H
#define JSON_ERRORS_H

#include <yajl/yajl_gen.h>

#include "heap.h"

void json_errors(yajl_gen, struct heap *);

#endif
