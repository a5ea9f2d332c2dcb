/* What libunwind asks and what it is answered with, for those who walk and those who look up. */
#ifndef UNWIND_ANSWERS_H
#define UNWIND_ANSWERS_H

#include <libunwind-ptrace.h>

#include "unwind.h"
#include "way_back.h"

#define UNWIND_INDEX (UINT64_C(1) << 62) /* where the index is read; no process has memory there */

struct unwinder {
	struct modules *modules;
	unsigned depth;
	unw_addr_space_t space;
	struct ways_back *ways_back;
	void *upt; /* libunwind-ptrace's, for modules without an unwind index */
	struct unwound_frame *scratch;
	/* of the walk under way: */
	const struct stack_image *image, *other;
	const struct arch_frame *start;
	bool exact;       /* start's pc is no return address */
	struct module *only; /* the one there is, or NULL: modules */
	const struct eh_index *index; /* what stands at INDEX_ADDR */
};

extern unw_accessors_t unwind_answers; /* their argument is a struct unwinder */

struct module *unwinder_module(const struct unwinder *, taddr_t addr);
/* The function around ip. Returns 0, or a negative unw_error_t. */
int unwinder_function(struct unwinder *, unw_addr_space_t, taddr_t ip, unw_proc_info_t *);
/* Its caller, where no unwind table tells of it: then only is *caller filled in. interrupted:
 * the frame is what a signal handler returns to. */
enum way_back unwinder_way_back(struct unwinder *, const struct unwound_frame *,
                                bool interrupted, struct arch_frame *caller);
/* The registers of the frame that the cursor is at. */
void unwinder_frame(unw_cursor_t *, struct arch_frame *);

#endif
