/* What calls mean for the live table and the counters. */
#ifndef ACCOUNT_H
#define ACCOUNT_H

#include "model.h"

/* entered: the same record, if it has the stack; else NULL. */
void account_entered(struct heap *, const struct record_call *,
                     const struct record_entered *entered);
void account_returned(struct heap *, const struct record_return *);
void account_abandoned(struct heap *, const struct record_call *);

#endif
