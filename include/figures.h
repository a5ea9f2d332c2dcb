/* What `alloctrace ctl` tells of a process at a moment, for people and for programs. */
#ifndef FIGURES_H
#define FIGURES_H

#include "output.h"

enum { /* the parts of stat; a set of them is chosen */
	FIGURES_DATE = 1, FIGURES_THREADS = 2, FIGURES_COUNT = 4, FIGURES_SIZES = 8,
	FIGURES_ALLOCATOR = 16, FIGURES_VM = 32,
	FIGURES_DEFAULT = FIGURES_THREADS | FIGURES_COUNT
};

/* "vm,count"; false: there is a word that is none, *sections is as it was. */
bool figures_sections_read(const char *, unsigned *sections);
void figures_sections_put(FILE *, unsigned sections);

struct figures {
	const struct report *report; /* the head, the heap, and what to show */
	unsigned sections;
	int64_t time; /* of the day, seconds since 1970 */
	bool json;
};

void figures_stat(FILE *, const struct figures *);
/* The box that malloc-stat draws, byte for byte, by usable bytes. */
void figures_box(FILE *, struct heap *, const char *caption);
/* The sites that come first, with their stacks. */
void figures_top(FILE *, const struct figures *);
void figures_groups(FILE *, const struct figures *, enum heap_group_by);
/* A line each. */
void figures_sites(FILE *, const struct figures *);
/* One by number ("12"), or all whose stack goes through a function; of one thread, or of all (0).
 * False: there is none. */
bool figures_site(FILE *, const struct figures *, const char *what, int tid);
/* What has grown most from one mark to another, or to now (NULL). */
void figures_diff(FILE *, const struct figures *, const char *from, const char *to);

/* OpenMetrics text, of several processes; nothing of it takes time. */
void figures_metrics(FILE *, const struct report *, size_t count);

#endif
