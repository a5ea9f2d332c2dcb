/* One traced run, from its start to the exit status. */
#ifndef SESSION_H
#define SESSION_H

#include "options.h"

struct title { /* argv's memory, for the tracer's own name */
	char *begin;
	size_t len;
};

int session_run(const struct options *, struct title);

#endif
