/* From a frame in code without unwind tables to its caller, by following the code to its ret. */
#ifndef WAY_BACK_H
#define WAY_BACK_H

#include "arch.h"
#include "module.h"

enum way_back {
	WAY_TABLES, /* there are unwind tables, or nothing better than without them is known */
	WAY_FOUND,
	WAY_NONE,   /* no ret follows: the function never returns, nothing called it that matters */
	WAY_LOST,   /* or what follows is not understood */
};

struct way_asked {
	struct module *(*module_at)(void *ctx, taddr_t);
	bool (*read)(void *ctx, taddr_t, uint64_t *); /* a word of the stack */
	bool (*has_tables)(void *ctx, struct module *, taddr_t pc);
	void *ctx;
};

struct ways_back; /* what was found, by address */

struct ways_back *ways_back_new(void); /* NULL: no memory */
void ways_back_free(struct ways_back *);
void ways_back_forget(struct ways_back *); /* modules came or went */
/* exact: the frame was interrupted where it is, else its pc is a return address. */
enum way_back way_back(struct ways_back *, const struct way_asked *, const struct arch_frame *,
                       bool exact, struct arch_frame *caller);

#endif
