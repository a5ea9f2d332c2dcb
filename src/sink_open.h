/* A sink's descriptor. */
#ifndef SINK_OPEN_H
#define SINK_OPEN_H

#include "sink.h"

/* 0 or -errno; it may still be connecting. */
int sink_open(struct sink *);
void sink_close(struct sink *);
/* It has failed: closes it, to be opened again. */
void sink_lose(struct sink *, int error);
/* For the file: how many of the next len bytes fit, in whole lines, where it is now; 0: none,
 * after sink_lose. Where no room can be made it is exceeded. */
size_t sink_file_room(struct sink *, const char *bytes, size_t len);

#endif
