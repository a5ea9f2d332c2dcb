/* Values of a JSON document by yajl; a member is a key and its value. */
#ifndef JSON_GEN_H
#define JSON_GEN_H

#include <stdio.h>
#include <yajl/yajl_gen.h>

#include "types.h"

/* A document: an object, opened and to be closed. NULL: no memory. */
yajl_gen json_begin(FILE *, bool one_line);
void json_end(yajl_gen, FILE *, bool one_line); /* frees it */

void json_string(yajl_gen, const char *); /* made UTF-8; NULL: null */
void json_member(yajl_gen, const char *key); /* its value is to follow */
void json_member_string(yajl_gen, const char *key, const char *value);
void json_member_number(yajl_gen, const char *key, uint64_t value);
void json_member_signed(yajl_gen, const char *key, int64_t value);
void json_member_null(yajl_gen, const char *key);
void json_member_strings(yajl_gen, const char *key, const char *const *strings, size_t count);

#endif
