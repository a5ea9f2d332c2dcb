/* While it is switched off no call is seen. When it is on again, nobody knows what lives of what
 * lived then: those blocks are forgotten, and the program is as one that is attached to. */
#ifndef PAUSE_H
#define PAUSE_H

#include "model.h"

void pause_begins(struct heap *);
void pause_ends(struct heap *);
void pause_is_over(struct heap *); /* another program begins */
/* In a child, of which the notes are its parent's so far. */
void pause_fork(struct heap *, const struct heap *from);

#endif
