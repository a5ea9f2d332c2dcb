/* From a new module to probes: its symbols against the catalogue, the control
 * flow of each allocator function, and a place for every trap. */
#ifndef RESOLVE_H
#define RESOLVE_H

#include "catalog.h"
#include "module.h"
#include "plan.h"
#include "trial.h"

struct aliases { /* other names of the same address, in the catalogue */
	int16_t entries[8];
	uint8_t count;
};

/* A function found at an address; its number is struct probe.function. */
struct function {
	const struct module *module;
	taddr_t addr;    /* in the target */
	uint64_t size;   /* bytes, or 0: unknown */
	int entry;       /* in the catalogue */
	struct aliases aliases;
	const char *table; /* the symbol table that names it */
	unsigned traps;  /* its own; 0: it is not traced */
	const char *two_stops; /* as in heap_allocator; static */
	bool tells_caller; /* of its names the caller tells one */
	bool has_caller;   /* its probe has PROBE_CALLER, */
	bool has_usable;   /* and PROBE_USABLE */
	uint64_t calls;  /* outermost ones */
	struct trial trial;
};

struct functions {
	struct function *list;
	size_t count;
};

struct fn_state;
struct point_state;

struct plan { /* what resolving a module gave */
	struct probe *probes;
	size_t count;
	bool growth; /* nothing else is wanted: functions are only found */
	bool operators; /* traps for C++'s too, not only for what they call */
	bool free_stacks; /* of every free */
	bool callers;     /* of every free, who calls it */
	bool usable;      /* glibc's word in front of every block */
	bool untrapped; /* some of those calls, which notes name */
	bool maps; /* system calls that map are wanted too */
	bool is_unknown; /* an allocator is in it, but which functions are it is not known */
	const char *table; /* struct function.table of what was found without a name, or NULL */
	const char *library; /* by whose code, or NULL; static, as is */
	const char *lacks;   /* what is missing of them: the end of a sentence, or NULL */
	struct fn_state *fns; /* of each that a user names, or NULL */
	struct point_state *points; /* the same */
	bool client_stats; /* the program may ask for its own */
	void (*note)(void *ctx, const char *sentence); /* of what was refused, and why;
	                                                  NULL: unheard */
	void *ctx;
};

struct resolver; /* owns a decoder */

struct resolver *resolver_new(void);
struct decoder *resolver_decoder(struct resolver *);
void resolver_free(struct resolver *);
/* Adds to functions, fills in the module's named ranges and the plan. */
void resolve_module(struct resolver *, struct module *, struct functions *, struct plan *);
/* The same for functions that were found otherwise, and nothing else. */
struct found;
void resolve_found(struct resolver *, struct module *, struct functions *, struct plan *,
                   const struct found *, size_t count);
/* By which of its names a function with aliases was called: reads the call in
 * front of return_pc. The catalogue entry, or CATALOG_NONE. */
int resolve_called_name(struct resolver *, struct module *caller, taddr_t return_pc);

#endif
