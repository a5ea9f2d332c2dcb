/* The end of processes, and of a session. */
#ifndef ENDING_H
#define ENDING_H

#include "loop.h"

void ending_events(struct session *, struct heap *); /* nothing comes of this process any more */
/* The last report of each process that had none; reason: of those that have not ended. */
void ending_reports(struct session *, const char *reason);
/* When nothing is traced any more: all that is under way comes to its end. */
void ending_finish(struct session *);

#endif
