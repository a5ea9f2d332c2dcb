/* What goes out of the analysis: notes for the ledger, commands for the tracer. */
#ifndef OUTBOX_H
#define OUTBOX_H

#include "model.h"

/* Kept once; ctx: the heap. */
void note_add(void *ctx, const char *sentence);
/* In the place of one that was kept, or as a new one; now NULL: it goes. */
void note_change(struct heap *, const char *was, const char *now);
bool commands_reserve(struct heap *, size_t len); /* false: no memory */
/* Zeroed but for its header; valid until the next. NULL: no memory, for any but CMD_GO. */
struct record *command_add(struct heap *, enum command_kind, pid_t tid, size_t len);
/* What was planned goes out, and is freed. */
void command_plant(struct heap *, struct plan *);
/* The traps of these functions go, see struct command_lift. */
void command_lift(struct heap *, uint32_t begin, uint32_t end, bool shared);

#endif
