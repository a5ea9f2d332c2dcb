/* The files that find out the facts of one function. */
#ifndef FACTS_WALK_H
#define FACTS_WALK_H

#include "facts.h"

#define FACTS_FOLLOWED 2 /* arguments whose copies are followed */
#define FACTS_NESTING_MAX 3 /* functions that arguments are followed into */

struct facts_node {
	taddr_t vaddr;
	struct decoded insn;
	uint32_t kept;   /* argument registers nothing has written */
	uint32_t copies[FACTS_FOLLOWED]; /* registers that may hold the argument */
	bool reached;
};

struct facts_walk {
	struct facts_table *table;
	struct facts *facts;
	struct facts_node *nodes;
	size_t count;
	struct operand slots[FACTS_FOLLOWED]; /* where it is on the stack; width 0: nowhere */
	int nesting;
	bool changed;
};

int facts_by_vaddr(const void *, const void *); /* nodes, for qsort and bsearch */
/* As facts_of, for one so many calls away from what was asked for. */
const struct facts *facts_make(struct facts_table *, taddr_t begin, int nesting);
/* Is it another function that a jump leads to? */
bool facts_is_other(const struct facts_walk *, taddr_t target);
void facts_follow(struct facts_walk *);          /* arguments, along all ways */
void facts_look_at(const struct facts_walk *, size_t i); /* what is in the node */

#endif
