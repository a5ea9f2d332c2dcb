/* What is known of each thread of the target. The heap owns the views. */
#ifndef VIEW_H
#define VIEW_H

#include "model.h"

struct view *view_of(struct heap *, pid_t tid); /* made when new; NULL: no memory */
void view_drop(struct heap *, pid_t tid);
void view_drop_all(struct heap *);
void view_forget_walks(struct heap *); /* the modules changed: stacks start anew */

#endif
