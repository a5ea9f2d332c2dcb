/* The allocator of a program that is linked statically, which neither names nor code tell: found
 * by what its functions do. See behaviour.c. */
#ifndef BEHAVIOUR_H
#define BEHAVIOUR_H

#include "model.h"

extern const char behaviour_table[]; /* the struct function.table of what it has found */

struct behaviour;

void behaviour_begin(struct heap *, struct module *); /* it is looked for from now on */
void behaviour_forget(struct heap *); /* another image */
/* A child has what is watched in it, but nobody who does: what is not found yet it looks for
 * itself. */
void behaviour_fork(struct heap *, const struct heap *from);
/* A system call has mapped memory of no file: by the stack with that number. */
void behaviour_mapped(struct heap *, uint32_t stack);
void behaviour_watched(struct heap *, const struct record_watch *);
void behaviour_thread_ended(struct heap *, int32_t tid);
void behaviour_begin_anew(struct heap *); /* nothing was seen for a while */
void behaviour_refuted(struct heap *);    /* what was found is none */
/* By a function that is known: a block was handed out, or is taken back. */
void behaviour_handed(struct heap *, int32_t tid, taddr_t addr);
void behaviour_taken(struct heap *, taddr_t addr);

#endif
