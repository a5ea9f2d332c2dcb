/* The front's copy of what stands under the traps of one address space, and its journal.
 * If the tracer is killed the front puts it back; a thread that had already hit a trap
 * cannot be helped. */
#ifndef GUARD_H
#define GUARD_H

#include "journal.h"
#include "plan.h"

struct guard {
	struct journal_trap *list;
	size_t count, capacity;
	int mem; /* -1: none */
	struct journal journal;
	struct guard *next; /* of all of them; it must not be moved */
};

#define GUARD_NONE ((struct guard){ .mem = -1 })

void guard_image(struct guard *, int pid); /* a new image: no traps yet */
void guard_fork(struct guard *, const struct guard *from, int pid); /* a child's: the same */
void guard_command(struct guard *, const struct record *); /* a command is about to be sent */
/* Restores what it can. How many traps were left standing; the journal goes when none was. */
size_t guard_restore(struct guard *);
void guard_tracer_killed(void); /* the same for all, in any thread and as soon as it is known */
void guard_end(struct guard *); /* no trap is left */
void guard_deinit(struct guard *);

#endif
