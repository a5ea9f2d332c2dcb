/* The command line as data. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "dest.h"

#define OUTPUTS_MAX 16

struct options {
	unsigned depth;
	size_t top;
	enum heap_sort sort;
	struct dest dests[OUTPUTS_MAX];
	unsigned dest_count;
	char **argv; /* the program's */
};

/* Ends the process for --help, --version and usage errors. */
void options_parse(struct options *, int argc, char **argv);

#endif
