/* What events mean for the live table and the counters. */
#ifndef ACCOUNT_H
#define ACCOUNT_H

#include "heap_event.h"
#include "model.h"

/* One of the record's thread and time, of no function. */
struct heap_event account_event(enum heap_event_kind, const struct record *);
/* Fills in what came of it, and tells the listener. */
void account_apply(struct heap *, struct heap_event *);
/* One that has no more to it. */
void account_tell(struct heap *, enum heap_event_kind, int tid);
/* The site is about to hold more or less. */
void account_site_changes(const struct heap *, struct site *);
void account_exit(struct heap *, const struct record_status *);

#endif
