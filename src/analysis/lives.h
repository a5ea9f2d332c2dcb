/* Addresses that an allocator hands out again and again, and who was given each in between: whoever
 * is given a block last before it is handed out anew took it back. */
#ifndef LIVES_H
#define LIVES_H

#include "table.h"

#define LIFE_CHAIN 3
#define LIFE_BEFORE 5

struct life { /* of a block */
	uint64_t born;  /* how many had been handed out until then */
	uint64_t size;  /* bytes asked for */
	taddr_t slot;   /* of the return address of the last that was given it, */
	int32_t tid;    /* and its thread */
	uint32_t chain[LIFE_CHAIN]; /* the last, and those that it was called by; innermost last */
	unsigned count;
	uint32_t before[LIFE_BEFORE]; /* the first of those that were given it before them */
	unsigned before_count;
	bool apart;     /* when it was given to them, others had been handed out since */
};

struct lives { /* all zero: none; owns its lists */
	struct table by_addr; /* index + 1 */
	struct life *list;
	size_t count;
	uint64_t handed, again; /* how often, of these not for the first time, */
	uint64_t given_again;   /* and of those, anybody was given the block before */
};

void lives_deinit(struct lives *);
/* A new life begins: *before is the one that has ended. False: it was the first, or no memory. */
bool lives_handed(struct lives *, taddr_t addr, uint64_t size, struct life *before);
struct life *lives_of(const struct lives *, taddr_t addr); /* NULL: never handed out */
void lives_given(const struct lives *, struct life *, uint32_t to, int32_t tid, taddr_t slot);

#endif
