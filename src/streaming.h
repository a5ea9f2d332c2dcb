/* What streams keep of one process. */
#ifndef STREAMING_H
#define STREAMING_H

#include "streams.h"

struct streaming {
	struct heap *heap;
	int pid;
	char *cwd, *maps;
	struct told {
		const struct stream *stream;
		struct stream_process process;
		struct sink *sink; /* or NULL: there is none */
		uint64_t dropped;  /* of its records */
	} each[OUTPUTS_MAX];
};

/* NULL: it was not met, or no memory. */
struct streaming *streaming_of(const struct streams *, const struct heap *);
struct streaming *streaming_meet(struct streams *, struct heap *);
/* A program begins in it. */
void streaming_begin(struct streams *, struct streaming *, const struct heap_event *);
/* Its streams go elsewhere. */
void streaming_redirect(struct streams *, struct streaming *);
/* Those of its sinks that nobody else has are over. */
void streaming_forget(struct streams *, struct streaming *);
/* The next of all, from *at = 0 on; NULL: no more. */
struct streaming *streaming_next(const struct streams *, size_t *at);

static inline const struct stream_format *streaming_format(const struct told *told)
{
	return told->stream->format;
}

#endif
