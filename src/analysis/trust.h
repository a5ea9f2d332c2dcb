/* Functions that were found by their code are watched at work before they are believed: what
 * they hand out must lie where an allocator's memory does, what they take back must be such a
 * block. One that does otherwise is refuted: its traps are taken out, its figures withdrawn.
 * malloc and free take the others with them, which were found by them, and any does so before
 * one of these two has done as it should. */
#ifndef TRUST_H
#define TRUST_H

#include "model.h"

/* Behind resolving the module; first: the number of its first function. */
void trust_begin(struct heap *, struct module *, const struct plan *, size_t first);
void trust_forget(struct heap *); /* of the functions there are, and its notes; another image */
bool trust_copy(struct heap *, const struct heap *from); /* over an empty one; false: no memory */
void trust_tell(struct heap *); /* brings its notes up to date */

/* Before it is accounted for; addr 0: none. False: the function is refuted, there is nothing to
 * account for. */
bool trust_result(struct heap *, struct function *, taddr_t addr, uint64_t size);
bool trust_given(struct heap *, struct function *, taddr_t addr);

/* Where a block lies, as far as is known now. */
enum place trust_place(struct heap *, taddr_t addr, uint64_t size);

/* All figures that accounting for a call of the function may change: as they are before, and
 * what has been added since. */
struct tally trust_tally(const struct heap *, const struct function *);
void trust_add(const struct heap *, struct function *, const struct tally *before);

static inline bool trust_is_refuted(const struct function *function)
{
	return function->trial.trust == HEAP_REFUTED;
}

/* So far it may be anything. */
static inline bool trust_is_doubted(const struct function *function)
{
	return function->trial.trust == HEAP_ON_TRIAL &&
	       function->trial.fitted <= function->trial.odd;
}

#endif
