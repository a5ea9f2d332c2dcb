/* The traps of one address space. Pointers to probes live until the next plant or
 * forget. */
#ifndef BP_H
#define BP_H

#include "space.h"

/* A SIGRETURN probe is only kept, a PASS one only known.
 * 0; -EILSEQ: another byte stands there; -EEXIST; or -errno of the write. */
int bp_plant(struct space *, const struct probe *);
void bp_plant_sigreturn(struct space *); /* once is enough */
const struct probe *bp_find(const struct space *, taddr_t addr); /* or NULL */
/* A system call instruction for any number was hit for one that is not looked for: its traps
 * go after so many such hits. */
void bp_unrelated(struct space *, const struct probe *, unsigned most);
void bp_related(struct space *, const struct probe *); /* hit for one that is: counted anew */
/* The functions' traps go, where no other function needs them. */
void bp_lift(struct space *, const struct command_lift *);
bool bp_is_watched(const struct probe *); /* it tells what a function may be, no event */
/* Is who meets it held until CMD_GO? */
bool bp_awaits(const struct space *, const struct probe *);
/* No trap stands in any allocator's function from here on, but all stay known, until they stand
 * again. */
void bp_off(struct space *);
void bp_on(struct space *);
bool bp_is_out(const struct space *, const struct probe *); /* who has hit it goes back to it */
void bp_forget(struct space *, taddr_t begin, taddr_t end);
/* The space's memory began as a copy of from's, with the traps of that moment in it:
 * afterwards it has all that from has now. False: no memory, the table is not whole. */
bool bp_copy(struct space *, const struct space *from);
size_t bp_count_in(const struct space *, int mem); /* its traps that stand there, also such as
                                                      were taken out since */
/* Puts the original bytes back in pid's memory, mem. The space still knows its probes afterwards.
 * Returns how many could not be restored. */
size_t bp_lift_all(const struct space *, pid_t pid, int mem);

#endif
