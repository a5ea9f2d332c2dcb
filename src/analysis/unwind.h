/* From a captured stack to return addresses, by libunwind. */
#ifndef UNWIND_H
#define UNWIND_H

#include "arch.h"
#include "image.h"
#include "module.h"

struct unwound_frame {
	struct arch_frame regs; /* pc: a return address unless exact */
	bool exact;             /* interrupted there by a signal */
	uint32_t stack;         /* the caller's number for it and its callers, kept where both are
	                           as they were; or 0 */
};

struct unwound { /* a thread's last stack; innermost first */
	struct unwound_frame *frames; /* depth of them */
	unsigned count;
	bool truncated; /* ended before the bottom and before the depth asked */
};

struct unwinder;

struct unwinder *unwinder_new(struct modules *, unsigned depth);
void unwinder_free(struct unwinder *);
void unwinder_set_pid(struct unwinder *, pid_t); /* a new image */
/* Modules came or went: what is known of addresses is void. */
void unwinder_flush(struct unwinder *);
/* Unwinds from start into last, which holds the thread's previous stack: where the
 * walk meets one of its frames above unchanged_from, the rest is taken over.
 * other: of another stack, when a signal handler runs on its own; or NULL. */
void unwind(struct unwinder *, const struct stack_image *, const struct stack_image *other,
            const struct unwound_frame *start, taddr_t unchanged_from, struct unwound *last);
void unwound_deinit(struct unwound *);

/* The function around a file address, by the module's unwind table. */
bool unwind_bounds(struct module *, taddr_t vaddr, taddr_t *begin, taddr_t *end);
/* Is the same caller found from both file addresses, by the same registers and stack? */
bool unwind_is_same(struct module *, taddr_t a, taddr_t b);

#endif
