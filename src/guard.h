/* The front's copy of what stands under the traps. If the tracer is killed the
 * front puts it back; a thread that had already hit a trap cannot be helped. */
#ifndef GUARD_H
#define GUARD_H

#include "plan.h"

void guard_image(int pid);                      /* a new image: no traps yet */
void guard_command(const struct record *);      /* a command is sent */
/* Restores what it can. How many traps were left standing. */
size_t guard_restore(void);
void guard_end(void); /* no trap is left */

#endif
