/* Functions that may be an allocator's, watched at work: what each is given, and what it hands
 * out. None of their calls is an event. */
#ifndef WATCH_H
#define WATCH_H

#include "model.h"

struct suspect {
	taddr_t begin; /* in the file */
	bool gone;     /* it is none: its traps were taken out; */
	bool found;    /* or it is one, and others stand there soon */
	struct trial trial;  /* of what it hands out */
	uint32_t given;      /* blocks, before they were handed out again, */
	uint32_t released;   /* to it last, */
	uint32_t apart;      /* of those not at once when they had been handed out */
	uint32_t taken;      /* blocks that it had handed out, taken back since */
	uint32_t calls;
	bool within;   /* what it does it does by malloc and free, which are seen */
	bool no_giver, no_taker; /* it does not hand out blocks, or take them back */
};

struct watch_call { /* under way */
	int32_t tid;
	uint32_t suspect;
	taddr_t slot; /* of its return address */
	uint64_t args[RECORD_ARGS];
	bool of_live; /* argument 0 was a block */
	taddr_t handed, moved; /* blocks that another handed out within it, last */
};

struct watch { /* of one module; owns its lists */
	struct module *module;
	struct suspect *list;
	size_t count;
	struct table by_begin; /* index + 1 */
	struct watch_call *calls; /* of each thread innermost last */
	size_t call_count;
};

void watch_deinit(struct watch *);
bool watch_add(struct watch *, taddr_t begin); /* false: it is there, or no memory */
/* Plans the traps of those from the first on; ends: also where they return. */
void watch_plant(struct heap *, const struct watch *, size_t first, bool ends);
void watch_drop(struct heap *, struct watch *, uint32_t suspect);
void watch_drop_all(struct heap *, struct watch *);
void watch_drop_others(struct heap *, struct watch *, uint32_t suspect);
void watch_lift(struct heap *); /* all traps, to be planted anew */

/* Of one that was found since it has told; or NULL. */
const struct suspect *watch_found(const struct watch *, const struct record_watch *);
/* False: of none that is still watched. It is under way only once it is kept. */
bool watch_begun(const struct watch *, const struct record_watch *, struct watch_call *);
void watch_keep(struct watch *, const struct watch_call *);
/* One that ends there, innermost first, and is none any more. False: there is none left. */
bool watch_ended(struct watch *, const struct record_watch *, struct watch_call *);
void watch_handed(struct watch *, int32_t tid, taddr_t addr); /* a new block, within all of them */
void watch_moved(struct watch *, int32_t tid, taddr_t addr);  /* one that was there before */
void watch_thread_ended(struct watch *, int32_t tid);

#endif
