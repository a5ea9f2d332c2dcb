/* Frames, stacks and sites, interned: equal ones have one number. They only grow, until
 * the program execs. */
#ifndef SITE_H
#define SITE_H

#include "counters.h"
#include "heap.h"
#include "module.h"
#include "region.h"
#include "unwind.h"

struct frame {
	struct module *module; /* or NULL */
	const struct region *region; /* where addr lies when there is no module, or NULL */
	taddr_t addr;
	struct heap_frame *views; /* NULL until resolved: what is inlined, innermost first, */
	uint32_t view_count;      /* and at last the frame's own */
	const char *label; /* of a tag, which is no code; or NULL */
	int16_t named; /* the wrapper this frame is in, or CATALOG_NONE */
	bool exact;    /* addr is an interrupted instruction, not a return address */
	bool region_sought;
	uint8_t reopened; /* the module's, when it was resolved */
};

struct stack { /* a frame and its callers, which many stacks share */
	uint32_t frame, callers; /* numbers; callers: of a stack, or 0 */
};

struct site {
	struct heap_site view;
	struct site_counters counters;
	uint64_t map_calls; /* of a system call that maps */
	uint64_t map_resident; /* bytes of what they have mapped, see residence.h; of them: */
	uint64_t map_resident_own; /* those of no file */
	uint64_t peak;    /* the peak its view.at_peak_* belong to; another: it holds the same */
	uint32_t stack;   /* number; 0: there is none */
	uint16_t folded;  /* innermost frames that are the wrapper's own */
	int16_t entry;    /* in the catalogue */
	int16_t call_entry; /* before naming, and the wrapper that named it: */
	int16_t call_name;  /* part of the identity */
	uint32_t function;  /* that it called last, + 1; 0: it allocates nothing */
	uint64_t inherited; /* bytes that live from before a fork */
	uint64_t forgotten, forgotten_blocks; /* bytes, of before it was switched off */
};

struct sites {
	struct modules *modules;
	struct frame *frames;
	size_t frame_count, frame_capacity;
	struct site *sites;
	size_t count, capacity;
	struct stack *stacks;
	size_t stack_count, stack_capacity;
	struct table frame_by_key;
	struct table stack_by_key;
	struct table site_by_key;
};

struct site_key {
	int entry, name; /* catalogue; name: CATALOG_NONE, or the PROBE_NAME's */
	uint32_t stack;
};

void site_forget_names(struct frame *); /* its views */
void sites_clear(struct sites *); /* exec */
/* Over empty ones, with the same numbers; what was counted is not taken along, but for
 * what is live. False: no memory, they stay empty. */
bool sites_copy(struct sites *, const struct sites *from);
void sites_deinit(struct sites *);
/* The number of the frame; 0 means no memory. */
uint32_t site_frame(struct sites *, const struct unwound_frame *);
/* The number of the stack that has the frame before those callers; 0 means no memory. */
uint32_t site_stack(struct sites *, uint32_t frame, uint32_t callers);
/* Walks a stack: its innermost frame, and on to its callers; NULL: it has ended. */
struct frame *site_walk(const struct sites *, uint32_t *stack);
/* The frame as many calls outwards, or NULL. */
struct frame *site_frame_at(const struct sites *, uint32_t stack, unsigned outwards);
/* The site's index, made when new (*is_new: entry and folded are then the caller's
 * to set). SITE_NONE: no memory. */
#define SITE_NONE UINT32_MAX
static inline uint32_t site_id(uint32_t index) /* as heap_site.id; of SITE_NONE 0 */
{
	return index == SITE_NONE ? 0 : index + 1;
}
uint32_t site_intern(struct sites *, const struct site_key *, bool *is_new);

#endif
