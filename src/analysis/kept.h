/* What a heap has beside the others that is made of a recording. */
#ifndef KEPT_H
#define KEPT_H

#include "model.h"
#include "replay.h"
#include "symbol.h"

#define SANE (UINT64_C(1) << 62) /* no address or length is beyond, nor a sum of two too large */

struct kept_names { /* of a frame: as symbol.c would tell them, innermost first */
	struct symbol *list;
	size_t count;
};

struct kept {
	const struct replay_catalogue *catalogue;
	struct kept_names *names; /* by frame */
	size_t name_count;
	char **texts; /* that others point to */
	size_t text_count, text_capacity;
	uint32_t *frame_modules; /* of each frame: place + 1 of its module, or 0 */
	size_t frame_module_count;
};

void kept_free(struct kept *);
/* Of text, which is taken over; NULL stays NULL. False: no memory, it is freed. */
bool kept_text(struct heap *, char *text, const char **out);
/* The same for one that is read. */
const char *kept_take(struct heap *, struct wire_reader *);
/* Ours of the recording's; CATALOG_NONE: none. */
int kept_entry(const struct heap *, struct wire_reader *);
void kept_save_entry(int entry, struct wire *);
/* The names of a frame, as symbols_of hands them out; its file is opened when there are none. */
struct symbol *kept_symbols(struct heap *, struct frame *, size_t *count);

/* Parts of the facts. */
void kept_save_program(const struct heap *, struct wire *);
bool kept_load_program(struct heap *, struct wire_reader *);
void kept_save_modules(struct heap *, struct wire *);
bool kept_load_modules(struct heap *, struct wire_reader *);
void kept_save_maps(const struct heap *, struct wire *);
bool kept_load_maps(struct heap *, struct wire_reader *);
void kept_save_counters(const struct heap *, struct wire *);
bool kept_load_counters(struct heap *, struct wire_reader *); /* behind the sites */
void kept_save_ledger(const struct heap *, struct wire *);
bool kept_load_ledger(struct heap *, struct wire_reader *);

#endif
