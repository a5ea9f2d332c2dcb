/* A sink's file: moved away, full, rotated. */
#ifndef SINK_FILE_H
#define SINK_FILE_H

#include "sink.h"

/* How many of the next len bytes fit, in whole lines, where it is now; 0: none,
 * after sink_lose. Where no room can be made it is exceeded. */
size_t sink_file_room(struct sink *, const char *bytes, size_t len);

#endif
