/* The streams of a session: every event of every process, in each stream's format, to where it
 * goes. What a slow reader costs: sink.h. */
#ifndef STREAMS_H
#define STREAMS_H

#include "analysis.h"
#include "sinks.h"

struct stream {
	const struct stream_format *format;
	const struct dest *dest;
	struct sink *sink; /* of all processes, unless its path has a %p */
	bool apart;        /* it has */
};

struct streams {
	const struct stream_options *options;
	struct stream list[OUTPUTS_MAX];
	unsigned count;
	struct sinks sinks;
	struct table by_heap; /* struct streaming * */
	int64_t epoch_ns;     /* as struct stream_process has it */
	uint64_t min_age_ms;  /* of orphans */
	uint64_t flush_ns;    /* what is old at this moment is to be told; 0: nothing is due */
	int flush;            /* a timer, or -1 */
	bool follow;
	bool attached; /* the first program had begun before */
	bool off;      /* nothing is told */
};

/* Ends our process when a destination can't be written. All pointers must outlive it. */
void streams_init(struct streams *, const struct options *, struct polls *);
bool streams_tell_callers(const struct streams *); /* of frees */
bool streams_tell_usable(const struct streams *);
/* For struct heap_listener; ctx is the streams. */
void streams_tell(void *ctx, struct heap *, const struct heap_event *);
/* Are events not to be taken from the tracer, for a reader is waited for? */
bool streams_brake(struct streams *);
/* Between waiting: what is queued is written, what is due told. */
void streams_work(struct streams *);
/* No reader is waited for until it reads again, or at all. */
void streams_release(struct streams *, bool for_good);
bool streams_reopen(struct streams *); /* the files; false: there are no streams */
/* It is about to run another program: what is old of this one is told. */
void streams_flush_of(struct streams *, int pid, uint64_t now_ns);
/* Nothing comes of the process any more; it is let go, if it has not ended. */
void streams_end(struct streams *, struct heap *);
/* Nothing comes at all: is there more to write, and is it to be waited for? */
bool streams_linger(struct streams *);
/* Tells what was lost. False: a destination has failed. */
bool streams_finish(struct streams *);

/* While it runs: nothing is told, or again. */
void streams_log(struct streams *, bool on);
/* All of them go to dest from now on, whatever format it says. 0 or -errno, and all is as it was. */
int streams_redirect(struct streams *, const struct dest *);

#endif
