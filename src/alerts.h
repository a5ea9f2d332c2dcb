/* Growth that a user wants to be told of while it goes on: what each thread holds from each site,
 * and the whole process. Figures are requested bytes; nothing is kept that nobody asks for. */
#ifndef ALERTS_H
#define ALERTS_H

#include "heap_event.h"
#include "table.h"

struct alert_limits { /* 0: not asked for; they may change while it goes on */
	uint64_t block; /* one allocation of more bytes */
	uint64_t delta; /* what a thread holds from a site is by more bytes another than when it was
	                   last told, */
	uint64_t time_ms; /* and that is longer ago; also the least time between others of a kind */
	uint64_t live;  /* the process holds more bytes */
	uint64_t rate;  /* more allocations in a second */
};

enum alert_kind { ALERT_BLOCK, ALERT_GROWTH, ALERT_SHRINKAGE, ALERT_LIVE, ALERT_RATE, ALERT_KINDS };

struct alert {
	enum alert_kind kind;
	int tid;
	uint32_t site;    /* heap_site.id; 0: of the whole process */
	const char *function; /* as heap_event.function */
	int64_t delta;    /* since it was last told; BLOCK: its size; RATE: allocations */
	uint64_t total;   /* what is held */
	uint64_t time_ms; /* since the trace began */
};

struct alerts {
	const struct alert_limits *limits;
	void (*tell)(void *ctx, struct heap *, const struct alert *);
	void *ctx;
	struct table processes; /* heap -> struct alert_process * */
};

void alerts_init(struct alerts *, const struct alert_limits *,
                 void (*tell)(void *ctx, struct heap *, const struct alert *), void *ctx);
void alerts_deinit(struct alerts *);
void alerts_hear(void *alerts, struct heap *, const struct heap_event *); /* a heap_listener */

#endif
