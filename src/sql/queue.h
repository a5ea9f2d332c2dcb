/* Rows for a store, which a thread of the queue's own writes: nobody waits for the disk unless he
 * wants to. */
#ifndef QUEUE_H
#define QUEUE_H

#include "dialect.h"

struct queue;

/* Takes the store over. NULL: no memory, it is closed. */
struct queue *queue_new(struct store *, bool waits);
/* False: it was too much, or something has failed; what is put from now on is dropped. */
bool queue_takes(const struct queue *);
void queue_put(struct queue *, enum relation_id, const struct value *);
/* As queue_put, even if more is waiting than there should be. */
void queue_put_at_end(struct queue *, enum relation_id, const struct value *);
void queue_give_up(struct queue *); /* no memory for what is to be put */
void queue_flush(struct queue *);
/* Has something been lost? Then why. */
bool queue_failed(struct queue *, char why[SQL_WHY]);
/* Waits until all is written and frees it. False: it is not whole, and why. */
bool queue_close(struct queue *, char why[SQL_WHY]);

#endif
