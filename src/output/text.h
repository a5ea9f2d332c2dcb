/* The parts of the text report. */
#ifndef TEXT_H
#define TEXT_H

#include "output.h"

/* columns; what stands beside a name takes the rest of the line */
enum { TEXT_WIDTH = 98, TEXT_INDENT = 6, TEXT_NAME = 44,
       TEXT_PLACE = TEXT_WIDTH - TEXT_INDENT - TEXT_NAME - 2 };

struct text_style { /* escape sequences, or empty strings */
	const char *bold, *good, *bad, *dim, *plain;
};

struct text_sites {
	struct heap_site *list; /* the caller's to free */
	size_t count, shown;
};

/* Prints text broken between words, every line indented. */
void text_put_wrapped(FILE *, int indent, const char *text);
const char *text_short_path(const char *path);
void text_frame_name(char *out, const struct heap_frame *, size_t columns);
void text_stack_put(FILE *, struct heap *, uint32_t site, const struct text_style *);
/* Which are to be shown, with the names they need. */
void text_sites_find(struct text_sites *, const struct report *);
void text_sites_put(FILE *, const struct report *, const struct text_sites *,
                    const struct text_style *);
/* By their places in the list of sites, as far as shown there. */
void text_peak_put(FILE *, const struct report *, const struct text_sites *,
                   const struct text_style *);
void text_errors_put(FILE *, const struct report *, const struct text_style *);
void text_error_at_once(FILE *, const struct report *, const struct heap_error *,
                        const struct text_style *);
void text_maps_put(FILE *, const struct report *);
void text_map_sites_put(FILE *, const struct report *, const struct text_style *);
void text_blocks_put(FILE *, const struct report *);
void text_mappings_put(FILE *, const struct report *);

#endif
