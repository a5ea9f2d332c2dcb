/* What a report says of its sites, apart from where it was read: two of them can be compared. */
#ifndef SNAPSHOT_H
#define SNAPSHOT_H

#include <stdio.h>

#include "output.h"

struct snapshot_frame { /* strings as in struct heap_frame */
	char *function, *module, *file;
	uint64_t offset;
	int line;
	bool inlined;
};

struct snapshot_site {
	char *function;
	struct snapshot_frame *stack; /* innermost first */
	size_t depth;
	uint64_t live_blocks, live_bytes, allocs;
};

struct snapshot { /* owns all it has */
	char *exe;       /* or NULL */
	uint64_t pid, time_ms, live_blocks, live_bytes;
	struct snapshot_site *sites;
	size_t count;
};

/* NULL: no memory. */
struct snapshot *snapshot_of(struct heap *, uint64_t time_ms);
/* Of a report in JSON. NULL: why says what is wrong, a sentence without a subject. */
struct snapshot *snapshot_read(FILE *, const char **why);
void snapshot_free(struct snapshot *);

struct snapshot_change { /* of one site; a or b is NULL where it was not known */
	const struct snapshot_site *a, *b;
	int64_t bytes, blocks, allocs;
};

struct snapshot_diff {
	const struct snapshot *a, *b;
	const char *const *match, *const *hide; /* struct heap_query's */
	size_t match_count, hide_count;
	size_t top; /* to show; 0: all */
	struct snapshot_change *changes; /* the caller's to free */
	size_t count;
};
/* Sites whose live blocks have changed, what grew most first. False: no memory. */
bool snapshot_compare(struct snapshot_diff *);

struct diff_report { /* for the two below, in the place of a struct report */
	struct report report;
	const struct snapshot_diff *diff;
};
extern const struct output diff_text, diff_json;

#endif
