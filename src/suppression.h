/* What the user, or nobody, can do anything about: descriptions of stacks whose
 * blocks may be left at the end. */
#ifndef SUPPRESSION_H
#define SUPPRESSION_H

#include <stdio.h>

#include "output.h"

enum step_kind {
	STEP_FUN,    /* valgrind's: this frame's function, */
	STEP_OBJ,    /* module, */
	STEP_SRC,    /* or source file and line */
	STEP_FRAMES, /* any number of frames */
	STEP_ANY     /* LSan's: any frame's function, module or source file */
};

struct step {
	enum step_kind kind;
	char *pattern;
	int line; /* STEP_SRC; 0: any */
};

struct suppression {
	struct suppressed use; /* name and file are owned */
	struct step *steps;    /* from the allocator outwards; none match nothing */
	unsigned step_count;
};

struct suppressions {
	struct suppression *list;
	size_t count;
};

/* Reads both syntaxes. NULL, or what is wrong with *line; file may be NULL (built in).
 * "" with *line 0: the stream failed, see errno. */
const char *suppression_read(struct suppressions *, FILE *, const char *file, unsigned *line);
void suppression_deinit(struct suppression *);

#endif
