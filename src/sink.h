/* Where a stream goes: records in, whole lines out, and nothing here ever blocks. A destination
 * that fails is tried again, twice a second. */
#ifndef SINK_H
#define SINK_H

#include "options.h"
#include "polls.h"

enum sink_on_block { SINK_DROPS, SINK_WAITS };

struct sink {
	const struct stream_options *options;
	struct polls *polls;
	enum dest_kind kind;
	char *path;    /* with %p and %t filled in; for people, if it is a descriptor's number */
	int fd;        /* -1: away */
	int given;     /* the user's descriptor, FD */
	bool is_file;  /* a regular one */
	bool is_socket, is_pipe;
	bool ours;     /* a connection that nobody else has: ended, and read, by us */
	bool connecting;
	bool ended;    /* and the reader has been told so */
	short polled;  /* what for */
	short listens; /* POLLIN: its reader may say something, which is forgotten */
	bool asks;     /* could not be made non-blocking: is asked for room before it is written to */
	bool over;     /* nobody writes to it any more */
	bool gone;     /* for good: what comes is dropped */
	bool failed;   /* and by that lost something, or never was there */
	bool told;     /* the user, that it is away */
	bool braking;  /* from full to half empty */
	bool released; /* nobody waits for it, until it reads again, */
	bool hurried;  /* or at all */
	struct addrinfo *addresses, *address; /* TCP; the next to try */
	FILE *file;    /* that formats write into */
	char *bytes;   /* [begin, end): whole records; behind them what is being written */
	size_t begin, end, writing, capacity;
	size_t sent;   /* bytes of the first line, which are kept until all of it is */
	bool keeps;    /* all that comes, for nobody waits for it any more */
	bool short_of; /* memory: the record being written is not whole */
	uint64_t dropped; /* records */
	uint64_t cut;     /* and those that had been taken before */
	uint64_t outgrown; /* the file's size when no room could be made in it; or 0 */
	uint64_t astray;  /* bytes that were on their way when a connection was lost */
	unsigned on_their_way; /* bytes, as they were last seen */
	uint64_t progress_ms; /* when it last took something, clock_ms */
};

/* NULL, with errno, when it can't be there; or is a file or a descriptor and is not. Others may
 * come later. */
struct sink *sink_new(const struct dest *, int pid, const struct stream_options *, struct polls *);
/* What is queued is lost. */
void sink_free(struct sink *);
/* A record that has been written to sink->file: it is taken, or dropped whole, which is false. */
bool sink_take(struct sink *);
void sink_discard(struct sink *); /* it is not wanted */
/* As much as it takes now. */
void sink_write(struct sink *);
bool sink_is_full(const struct sink *);
/* Is it to be waited for? */
bool sink_brakes(struct sink *);
bool sink_is_empty(const struct sink *);
/* Nothing more is written to it. True: all of it has arrived, as far as can be known. */
bool sink_end(struct sink *);
/* Can its file be renamed, if that is what is to be done when it is full? */
bool sink_can_rotate(const struct sink *);
/* Whoever waits for it does so no more, until it reads again or at all. */
void sink_release(struct sink *, bool for_good);
void sink_drop_rest(struct sink *);
/* A file: by its path anew. */
void sink_reopen(struct sink *);
void sink_retry(struct sink *); /* if it is away */

#endif
