/* What tracing has cost, from the first trap planted to the last one lifted. */
#ifndef COST_H
#define COST_H

#include "record.h"

void cost_begin(void); /* the first call counts */
void cost_stops(size_t);
void cost_end(void);
void cost_tell(struct record_end *);

#endif
