/* What can be told of a function that has no name: by its code alone. File addresses. */
#ifndef FACTS_H
#define FACTS_H

#include "code.h"

#define FACTS_CALLS 96
#define FACTS_CONSTANTS 96
#define FACTS_SYSCALLS 8
#define FACTS_DATA 48

struct facts {
	taddr_t begin;
	int nesting;   /* calls away from what was asked for when it was made, and cut short */
	bool readable, cut;
	unsigned insns;
	unsigned args;   /* bit n: argument n, of the first three, matters to it or to what it is
	                    handed on to */
	bool tests_null; /* compares argument 0 with 0 */
	bool stores;     /* to where argument 0 points */
	bool multiplies; /* arguments 0 and 1 with each other */
	bool stops;      /* has an instruction that ends the process, as musl's a_crash is */
	bool below;      /* reads just below where a register points, as block headers lie */
	bool returns;    /* or jumps on to another function */
	bool any_syscall; /* enters the kernel with a number it is given */
	taddr_t calls[FACTS_CALLS]; /* and jumps to other functions; the first ones */
	unsigned call_count;
	int64_t constants[FACTS_CONSTANTS]; /* the first ones */
	unsigned constant_count;
	taddr_t data[FACTS_DATA]; /* addresses of memory it names; the first ones */
	unsigned data_count;
	unsigned syscalls[FACTS_SYSCALLS]; /* numbers */
	unsigned syscall_count;
};

struct facts_table { /* all that were asked for; owns them */
	struct code *code;
	struct table by_begin;
};

/* NULL: it does not decode, is too large, or no memory. Lives as long as the table. */
const struct facts *facts_of(struct facts_table *, taddr_t begin);
void facts_free(struct facts_table *);

bool facts_calls(const struct facts *, taddr_t callee);
bool facts_names(const struct facts *, taddr_t data);
bool facts_has_constant(const struct facts *, int64_t);
/* It, and what it calls, so many calls deep; not by way of what never returns. */
void facts_reached(struct facts_table *, taddr_t begin, int depth, struct address_set *);
/* Does any of those enter the kernel with the number? */
bool facts_reach_syscall(struct facts_table *, taddr_t begin, unsigned number, int depth);
/* Is any of those in the set? */
bool facts_reach(struct facts_table *, taddr_t begin, const struct address_set *, int depth);

#endif
