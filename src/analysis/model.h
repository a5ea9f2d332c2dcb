/* All the analysis knows of one address space. model.c changes it, record by record;
 * heap.c answers questions about it. */
#ifndef MODEL_H
#define MODEL_H

#include <stdio.h>

#include "address_space.h"
#include "analysis.h"
#include "counters.h"
#include "live.h"
#include "residence.h"
#include "resolve.h"
#include "site.h"
#include "vm.h"

struct view { /* of one thread */
	struct stack_image image, other;
	bool on_other; /* the last stack was of a handler with a stack of its own */
	struct unwound stack;
	uint32_t tag; /* the stack that all of its stacks go on to, see tag.h; or 0 */
	bool in_realloc;      /* its old block has left the table, its end is not known */
	bool had_old;
	taddr_t old_addr;
	uint32_t old_site; /* the stack of that realloc, or SITE_NONE */
	struct block old;
	struct thread_counters counters;
};

struct notes {
	char **list; /* with room for one more, which memory running short can't be without */
	size_t count;
};

struct errors {
	struct heap_error *list;
	size_t count;
	unsigned scans; /* of all live blocks, for one that an address is in */
	bool trap_refused, call_lost; /* a block may have been handed out unseen */
};

struct maps {
	bool known;
	bool asked;   /* a comparison is to come */
	bool left;    /* the last one was made as the process left its memory */
	enum heap_maps_state state;
	struct address_space space;
	bool made_code;      /* which maps, was found */
	unsigned code_looks;
	uint64_t born; /* calls so far */
	uint64_t first_bytes;
	uint64_t differences, unordered, truncated_stacks;
	struct heap_map_calls calls[MAP_CALLS];
	char names[32][64]; /* of allocators that are origins */
	size_t name_count;
	struct heap_mapped origins[HEAP_ORIGINS + 32];
	struct residence residence;
	struct heap_rss_part rss_parts[RSS_PARTS];
	char verdict[512];
	struct vm vm;
};

struct bound { /* what the target's names are bound to, at this record */
	bool read;
	bool known;
	struct table all; /* a function's address -> modules that call it by name */
};

struct usable { /* as usable.c has found it */
	bool known;
	uint64_t bytes;
	uint64_t events; /* allocations and frees until then */
};

struct trust {
	struct trust_family *list; /* trust.c's, each of one module */
	size_t count;
	struct address_space listed; /* the kernel's list as it was seen last, */
	unsigned looks;              /* so many times */
};

struct heap {
	struct usable usable;
	struct counters counters;
	struct maps maps;
	struct modules modules;
	struct functions functions;
	struct behaviour *behaviour; /* an allocator that is looked for so; NULL: none */
	struct trust trust; /* in those of them that were found by their code */
	struct fn_state *fns; /* of each function that a user names; NULL: none */
	struct point_state *points; /* of each place; NULL: none */
	struct resolver *resolver;
	struct unwinder *unwinder;
	struct sites sites;
	struct regions regions;
	struct live live;
	struct table refs; /* of live ones: how often they are to be freed beyond the once */
	struct table views; /* tid -> struct view * */
	struct table free_names; /* where a free returns to -> 2 + catalogue entry of the name */
	struct analysis_options options;
	struct heap_totals totals;
	uint64_t peaks; /* how often live_bytes was the highest so far */
	struct heap_function *stats; /* by catalogue entry, shared by entries of one name */
	struct heap_function *called; /* the ones called, for heap_functions */
	struct errors errors;
	struct heap_ledger ledger;
	struct heap_cost cost;
	const char **unsymbolised;
	struct notes notes;
	uint64_t threads_live, threads_total;
	struct heap_program program;
	int root; /* the program's root folder, or -1 */
	char *exe, *cmdline;
	size_t cmdline_len;
	const char **argv;
	struct bound bound;
	struct kept *kept; /* made of a recording; NULL: of a process */
	bool attached; /* to the program now running, which had begun before; or to its allocator */
	uint64_t off_since_ns; /* while ledger.off */
	uint64_t now_ns;
	uint32_t image_number; /* struct record.image of the last record */
	/* commands not yet sent */
	uint8_t *commands;
	size_t commands_begin, commands_end, commands_capacity;
};

struct heap *model_new(const struct analysis_options *); /* NULL: no memory or no capstone */
struct plan model_plan(struct heap *); /* for a module: what is wanted, nothing planned */
void model_reset_stats(struct heap *); /* nothing was called */
uint64_t model_since_begin_ms(const struct heap *); /* of the last record */
void model_read_bound(struct heap *); /* unless it was, since the last record */
void frame_resolve(struct heap *, struct frame *); /* its names, unless there is no memory */

#endif
