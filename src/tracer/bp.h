/* The traps of one address space. A space owns its memory descriptor and its
 * probes; pointers to probes live until the next plant, forget or reset. */
#ifndef BP_H
#define BP_H

#include <sys/types.h>

#include "plan.h"
#include "text.h"

struct space {
	pid_t pid; /* whose memory; 0: none */
	uint16_t image; /* as in struct record */
	int mem;
	struct probe *probes;
	size_t count, capacity;
	struct table by_addr; /* address -> index in probes + 1 */
	struct text text; /* as it was */
	struct probe sigreturn; /* known, not planted; addr 0: none */
};

int space_open(struct space *, pid_t pid); /* 0 or -errno; no traps yet */
void space_close(struct space *); /* forgets, lifts nothing; the next image begins */

/* A SIGRETURN probe is only kept, a PASS one only known.
 * 0; -EILSEQ: another byte stands there; -EEXIST; or -errno of the write. */
int bp_plant(struct space *, const struct probe *);
void bp_plant_sigreturn(struct space *); /* once is enough */
const struct probe *bp_find(const struct space *, taddr_t addr); /* or NULL */
void bp_forget(struct space *, taddr_t begin, taddr_t end);
/* Puts the original bytes back in pid's memory, mem. The space still knows its probes afterwards.
 * Returns how many could not be restored. */
size_t bp_lift_all(const struct space *, pid_t pid, int mem);

#endif
