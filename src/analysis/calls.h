/* From what the tracer saw of calls to what they did. */
#ifndef CALLS_H
#define CALLS_H

#include "model.h"

/* entered: the same record, if it has the stack; else NULL. */
void calls_entered(struct heap *, const struct record_call *, const struct record_entered *entered);
void calls_returned(struct heap *, const struct record_return *);
void calls_abandoned(struct heap *, const struct record_call *);
void calls_earlier(struct heap *, const struct record_earlier *);

#endif
