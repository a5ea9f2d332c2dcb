/* What is left, and what of it is covered by suppressions. */
#ifndef LEAKS_H
#define LEAKS_H

#include "options.h"
#include "suppression.h"

struct leaks {
	bool asked; /* for a verdict; otherwise everything here stays empty */
	struct suppressions suppressions;
	struct suppressed *uses;
	size_t use_count;
	bool *covered;        /* by site id */
	uint64_t left_blocks; /* not covered */
};

/* Reads the suppressions that the options name. Ends the process when it can't. */
void leaks_load(struct leaks *, const struct options *);
/* Judges what is left now; the report shows it until the next call. */
void leaks_judge(struct leaks *, struct heap *);
void leaks_report(const struct leaks *, struct report *);
void leaks_deinit(struct leaks *);

#endif
