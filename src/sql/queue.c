#include "queue.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_LEN (1 << 20)   /* bytes of rows in one transaction */
#define WAITING_MAX 1024      /* batches that are still to be written */

struct queue {
	struct store *store;
	struct batch *batch;  /* that is filled, or NULL */
	bool waits, overrun, no_memory, given_up;
	bool runs;            /* the thread, once there is something to write: not before others fork */
	pthread_t thread;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t came, went;
	struct batch *first, **last;
	unsigned waiting;
	bool ends, failed;
};

/* ---- the thread ---------------------------------------------------------------------------- */

static struct batch *take(struct queue *queue)
{
	struct batch *batch;

	pthread_mutex_lock(&queue->lock);
	while (!queue->first && !queue->ends)
		pthread_cond_wait(&queue->came, &queue->lock);
	batch = queue->first;
	if (batch) {
		queue->first = batch->next;
		queue->last = queue->first ? queue->last : &queue->first;
		queue->waiting--;
		pthread_cond_signal(&queue->went);
	}
	pthread_mutex_unlock(&queue->lock);
	return batch;
}

static void fail(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->failed = true;
	pthread_cond_signal(&queue->went);
	pthread_mutex_unlock(&queue->lock);
}

static void *run(void *ctx)
{
	struct queue *queue = ctx;
	const struct dialect *dialect = queue->store->dialect;
	bool good = dialect->begin(queue->store);
	struct batch *batch;

	if (!good)
		fail(queue);
	while ((batch = take(queue))) {
		if (good && !(good = dialect->write(queue->store, batch)))
			fail(queue);
		batch_free(batch);
	}
	if (good && !dialect->finish(queue->store))
		fail(queue);
	return NULL;
}

/* No signal is for it. */
static bool start(struct queue *queue)
{
	sigset_t all, was;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &was);
	error = pthread_create(&queue->thread, NULL, run, queue);
	pthread_sigmask(SIG_SETMASK, &was, NULL);
	return !error;
}

/* ---- the others' side ---------------------------------------------------------------------- */

struct queue *queue_new(struct store *store, bool waits)
{
	struct queue *queue = calloc(1, sizeof(*queue));

	if (!queue) {
		store->dialect->close(store, true);
		return NULL;
	}
	queue->store = store;
	queue->waits = waits;
	queue->last = &queue->first;
	pthread_mutex_init(&queue->lock, NULL);
	pthread_cond_init(&queue->came, NULL);
	pthread_cond_init(&queue->went, NULL);
	return queue;
}

bool queue_takes(const struct queue *queue)
{
	return !queue->overrun && !queue->no_memory && !queue->given_up;
}

void queue_give_up(struct queue *queue)
{
	queue->no_memory = true;
}

/* The batch that makes it too much is written, too. */
static void push(struct queue *queue, struct batch *batch)
{
	pthread_mutex_lock(&queue->lock);
	while (queue->waits && queue->waiting >= WAITING_MAX && !queue->failed)
		pthread_cond_wait(&queue->went, &queue->lock);
	queue->overrun |= queue->waiting >= WAITING_MAX;
	queue->given_up = queue->failed;
	*queue->last = batch;
	queue->last = &batch->next;
	queue->waiting++;
	pthread_cond_signal(&queue->came);
	pthread_mutex_unlock(&queue->lock);
}

void queue_flush(struct queue *queue)
{
	struct batch *batch = queue->batch;

	if (!batch)
		return;
	queue->batch = NULL;
	if (!queue->runs)
		queue->runs = start(queue);
	if (queue->runs) {
		push(queue, batch);
		return;
	}
	queue->no_memory = true;
	batch_free(batch);
}

void queue_put_at_end(struct queue *queue, enum relation_id relation, const struct value *values)
{
	if (queue->no_memory)
		return;
	if (!queue->batch)
		queue->batch = batch_new();
	if (!queue->batch || !batch_add(queue->batch, relation, values)) {
		queue->no_memory = true;
		return;
	}
	if (queue->batch->len >= BATCH_LEN)
		queue_flush(queue);
}

void queue_put(struct queue *queue, enum relation_id relation, const struct value *values)
{
	if (queue_takes(queue))
		queue_put_at_end(queue, relation, values);
}

static bool tell_failed(struct queue *queue, bool by_disk, char why[SQL_WHY])
{
	if (by_disk)
		strcpy(why, queue->store->why);
	else if (queue->no_memory)
		strcpy(why, "no memory");
	else if (queue->overrun)
		strcpy(why, "the disk cannot keep up; --on-block wait makes the program wait for it");
	return by_disk || queue->no_memory || queue->overrun;
}

bool queue_failed(struct queue *queue, char why[SQL_WHY])
{
	bool failed;

	pthread_mutex_lock(&queue->lock);
	failed = queue->failed;
	pthread_mutex_unlock(&queue->lock);
	return tell_failed(queue, failed, why);
}

static void stop(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->ends = true;
	pthread_cond_signal(&queue->came);
	pthread_mutex_unlock(&queue->lock);
	if (queue->runs)
		pthread_join(queue->thread, NULL);
}

bool queue_close(struct queue *queue, char why[SQL_WHY])
{
	bool failed;

	queue_flush(queue);
	stop(queue);
	failed = tell_failed(queue, queue->failed, why);
	if (!queue->store->dialect->close(queue->store, !queue->runs) && !failed) {
		strcpy(why, "it could not be written");
		failed = true;
	}
	batch_free(queue->batch);
	pthread_cond_destroy(&queue->went);
	pthread_cond_destroy(&queue->came);
	pthread_mutex_destroy(&queue->lock);
	free(queue);
	return !failed;
}
