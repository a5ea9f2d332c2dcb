/* What each thread holds from each site, and what was told of it. One that nothing is held of goes
 * with its thread, so there are never more than live threads and live blocks need. */
#ifndef HOLDINGS_H
#define HOLDINGS_H

#include "table.h"

struct holding {
	int64_t total, told; /* bytes */
	uint64_t told_ns;    /* 0: never */
	uint64_t key;
	struct holding *next; /* of its thread's, as long as that lives */
	bool ended;           /* its thread has, while blocks live on */
};

struct holdings { /* all zero: none */
	struct table by_key;  /* thread and site -> struct holding * */
	struct table threads; /* its number -> the first of its own */
};

struct holding *holdings_find(const struct holdings *, int tid, uint32_t site); /* or NULL */
/* The thread's own, made when new. NULL: no memory. */
struct holding *holdings_put(struct holdings *, int tid, uint32_t site);
void holdings_settle(struct holdings *, struct holding *); /* it is less: it may be gone then */
void holdings_thread_ended(struct holdings *, int tid);
void holdings_deinit(struct holdings *);

#endif
