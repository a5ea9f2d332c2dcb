/* A recording told to databases: all of it, or all up to a moment. */
#ifndef PLAYING_H
#define PLAYING_H

#include "databases.h"
#include "recorded.h"

/* list: as recorded_find has found it, not empty. False: no memory. */
bool playing_tell(struct databases *, const struct heap_listener *, struct trace *,
                  const struct analysis_options *, const struct recorded *list, size_t count,
                  bool has_at);

#endif
