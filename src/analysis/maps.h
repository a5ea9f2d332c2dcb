/* What the target has mapped, by whom: its address space, counters and origins. */
#ifndef MAPS_H
#define MAPS_H

#include "heap_event.h"
#include "model.h"

bool maps_are_wanted(const struct heap *);
void maps_reset(struct heap *); /* another image: nothing is known */
/* The list at an exec, when nothing runs yet. */
void maps_begin(struct heap *);
/* A system call that maps has returned. */
void maps_mapped(struct heap *, const struct record_map *);
void maps_apply(struct heap *, const struct heap_event *); /* of that */
/* No such call is under way: the kernel's list can be read. */
void maps_quiet(struct heap *);
/* The same, and the process will exit. */
void maps_leaving(struct heap *);
/* CMD_EVERY_CALL is over. */
void maps_few_calls(struct heap *);
/* Has it mapped a file's code, maybe a module's? */
bool maps_file_of_code(const struct record_map *);
void maps_unordered(struct heap *);
void maps_lost(struct heap *); /* there was no such moment */
void maps_ended(struct heap *);
bool maps_copy(struct heap *, const struct heap *from); /* at a fork; false: no memory */
void maps_free(struct heap *);

#endif
