/* A heap as bytes, and made again of them: what a recording keeps beside the events. What is read
 * may be anything: each load checks all it takes, and false means that it is not sound (or there
 * is no memory); the heap may then only be freed. */
#ifndef REPLAY_H
#define REPLAY_H

#include "analysis.h"
#include "wire.h"

/* ---- of a heap that is traced -------------------------------------------------------- */

uint32_t heap_image(const struct heap *); /* struct record.image: of this program, no other's */
/* The functions that events may name, of this process; once for a whole recording. */
void heap_save_catalogue(struct wire *);

struct heap_saved { /* how much of what only grows is saved; zeros: nothing */
	size_t frames, stacks, sites;
};
/* Sites, since the last time. False: there were none. */
bool heap_save_sites(const struct heap *, struct heap_saved *, struct wire *);
/* What events do not tell: the program, modules, maps, notes, ... all of it, as it is now. */
void heap_save_facts(struct heap *, struct wire *);
/* Changes whenever facts have come that events should be seen in the light of. */
uint64_t heap_facts_version(const struct heap *);
/* What events have led to: live blocks and counters. */
void heap_save_state(const struct heap *, struct wire *);
/* The names of all frames, which are resolved for it if need be: that takes its time. */
void heap_save_names(struct heap *, struct wire *);

/* ---- made of a recording ------------------------------------------------------------- */

struct replay_catalogue { /* which of this process's functions those of a recording are */
	int *entries;
	size_t count;
};
/* Adds those that are not known: before any heap is made. NULL: not sound. */
struct replay_catalogue *replay_catalogue_load(struct wire_reader *);
void replay_catalogue_free(struct replay_catalogue *);

/* An empty one, that knows no process; the catalogue must outlive it. NULL: no memory. */
struct heap *replay_new(const struct analysis_options *, const struct replay_catalogue *);
bool replay_load_sites(struct heap *, struct wire_reader *);
bool replay_load_facts(struct heap *, struct wire_reader *);
bool replay_load_state(struct heap *, struct wire_reader *);
bool replay_load_names(struct heap *, struct wire_reader *);
/* The next event, whose entry is the recording's number. False: it makes no sense there. */
bool replay_apply(struct heap *, struct heap_event *);
bool replay_is_growth(const struct heap *); /* --growth: only what is mapped is known */
/* All has been applied up to this moment, at which nobody compared the maps. */
void replay_moment(struct heap *, uint64_t now_ns);

#endif
