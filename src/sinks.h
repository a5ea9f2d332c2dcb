/* All sinks of a session: written to, tried again, waited for. */
#ifndef SINKS_H
#define SINKS_H

#include "sink.h"

struct sinks {
	const struct stream_options *options;
	struct polls *polls;
	struct sink **list;
	size_t count;
	uint64_t ending_ms; /* since when what is left is waited for, clock_ms; 0: not yet */
	int retry;          /* a timer, or -1 */
	bool brakes;        /* one may be full */
	bool failed;        /* one has */
};

/* Both pointers must outlive them. */
void sinks_init(struct sinks *, const struct stream_options *, struct polls *);
/* One more, as sink_new. With sink->over it goes when all is written. */
struct sink *sinks_add(struct sinks *, const struct dest *, int pid);
/* A record that was written to it, as sink_take. */
bool sinks_take(struct sinks *, struct sink *);
bool sinks_brake(struct sinks *); /* is one of them waited for? */
void sinks_write(struct sinks *); /* what is queued */
void sinks_release(struct sinks *, bool for_good); /* as sink_release */
void sinks_reopen(struct sinks *);
/* Nothing comes any more: is there more to write, and is it to be waited for? */
bool sinks_linger(struct sinks *);
/* Tells what was lost. False: one has failed. */
bool sinks_finish(struct sinks *);

#endif
