/* A sink's descriptor. */
#ifndef SINK_OPEN_H
#define SINK_OPEN_H

#include "sink.h"

/* 0 or -errno; it may still be connecting. */
int sink_open(struct sink *);
void sink_close(struct sink *);
/* It has failed: closes it, to be opened again. */
void sink_lose(struct sink *, int error);

#endif
