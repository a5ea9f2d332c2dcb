/* The files that find an allocator by what it does. */
#ifndef BEHAVIOUR_PARTS_H
#define BEHAVIOUR_PARTS_H

#include "begins.h"
#include "behaviour.h"
#include "facts.h"
#include "lives.h"
#include "stripped.h"
#include "watch.h"

#define SUSPECTS_MAX 4096

enum behaviour_stage { SEEKS_MALLOC, SEEKS_FREE, SEEKS_OTHERS };

struct behaviour {
	struct module *module;
	struct code code;
	struct facts_table facts;
	struct begins begins;
	struct table owners; /* begin of a row -> of the function that it belongs to */
	struct table stacks; /* number + 1 of those that were seen to take memory */
	struct watch watch;
	struct lives lives; /* until free is found */
	char *told;          /* the note that it is looked for, or NULL */
	enum behaviour_stage stage;
	bool takers_seen;
	uint32_t malloc;     /* a suspect, from SEEKS_FREE on */
	struct table claims; /* block -> suspect + 1 that handed it out; from SEEKS_OTHERS on, */
	uint32_t held;       /* since then, where the program was held, or could have been */
};

bool behaviour_is_number(const struct heap *, uint64_t); /* for all that is known; no address */
bool behaviour_is_no_block(struct heap *, taddr_t); /* certainly */
/* Of a result. False: it is none that hands out blocks. */
bool behaviour_fits(struct heap *, struct suspect *, taddr_t addr, uint64_t size);
/* May it take back a block for which so many bytes were asked? */
bool behaviour_takes(struct behaviour *, const struct watch_call *, uint64_t size);
/* Both are planted, and others looked for. */
void behaviour_found(struct heap *, uint32_t malloc, uint32_t free);
/* At each of their calls, and whenever memory is mapped. */
void behaviour_others_held(struct heap *);
void behaviour_others_begun(struct heap *, struct watch_call *);
/* Of one that was found, and is not traced yet: a block that it was given, or hands out. */
void behaviour_others_late(struct heap *, const struct record_watch *);
void behaviour_others_ended(struct heap *, const struct watch_call *, taddr_t result);

#endif
