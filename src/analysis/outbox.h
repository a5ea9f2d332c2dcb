/* What goes out of the analysis: notes for the ledger, commands for the tracer. */
#ifndef OUTBOX_H
#define OUTBOX_H

#include "model.h"

/* Kept once; ctx: the heap. */
void note_add(void *ctx, const char *sentence);
/* Zeroed but for its header; valid until the next. NULL: no memory. */
struct record *command_add(struct heap *, enum command_kind, pid_t tid, size_t len);

#endif
