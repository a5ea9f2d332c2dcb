/* Statements that both dialects have, made of the schema. */
#ifndef DDL_H
#define DDL_H

#include <stdio.h>

#include "schema.h"

/* integer: the type of a number. references: said at once, or by ddl_references later. */
void ddl_create(FILE *, const struct relation *, const char *integer, bool references);
void ddl_columns(FILE *, const struct relation *); /* their names, with commas */
void ddl_index(FILE *, const struct index *);
/* False: that column refers to nothing. */
bool ddl_references(FILE *, const struct relation *, unsigned column);

#endif
