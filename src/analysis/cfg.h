/* The instructions a function may execute, found by following its control flow
 * from the entry: where it leaves, and what is jumped to. File addresses. */
#ifndef CFG_H
#define CFG_H

#include "arch.h"
#include "elf.h"

struct cfg_bounds { /* of the function an address lies in */
	taddr_t begin, end;
};

struct cfg_source { /* what the walk asks of its surroundings */
	struct elf *elf;
	struct decoder *decoder;
	/* false: unknown */
	bool (*bounds)(void *ctx, taddr_t vaddr, struct cfg_bounds *);
	/* Is a jump to this address a tail call that is not to be followed? */
	bool (*is_function)(void *ctx, taddr_t vaddr);
	void *ctx;
	/* Where this file has the function that a slot is named after, or 0. NULL: nowhere */
	taddr_t (*own)(void *ctx, const char *name);
};

enum cfg_exit_kind {
	CFG_RET,
	CFG_TAIL,  /* jumps to another function: target, or by name */
	CFG_UNKNOWN /* jumps nobody knows where */
};

struct cfg_exit {
	taddr_t vaddr;
	enum cfg_exit_kind kind;
	taddr_t target;   /* TAIL within this file, or 0 */
	const char *name; /* TAIL through a slot: the symbol, or NULL */
	struct decoded insn;
};

struct cfg {
	struct cfg_exit *exits;
	size_t exit_count;
	struct table seen;    /* addresses of instructions, value 1 + the decoded length */
	struct table targets; /* addresses jumped to */
	bool slot_followed;   /* a jump was, through a slot that another file may fill */
};

/* 0, or a negative errno with *why a static sentence. */
int cfg_walk(struct cfg *, const struct cfg_source *, taddr_t entry, const char **why);
void cfg_deinit(struct cfg *);

#endif
