/* For targets that are attached to: truth that counts from a moment on. */
#ifndef SINCE_H
#define SINCE_H

#include "truth.h"

#include <errno.h>

static long earlier_frees;

/* What was done so far is forgotten; blocks of that time are earlier blocks. */
static unused void truth_begin(void)
{
	for (int id = 0; id < TRUTH_ID_COUNT; id++)
		truth_functions[id] = (struct truth_function){
			.name = truth_functions[id].name, .frees = truth_functions[id].frees };
	for (struct marker *m = __start_markers; m < __stop_markers; m++)
		*m = (struct marker){ .name = m->name };
	earlier_frees = 0;
}

static unused void give_earlier(struct block block)
{
	free(block.at);
	truth_keep(block.at);
	truth_add(&truth_functions[T_FREE].calls, 1);
	truth_add(&earlier_frees, 1);
}

static unused void truth_write_since(void)
{
	truth_also("earlier_frees", earlier_frees);
	truth_write();
}

/* Until the harness has sent a line, or has ended. */
static unused void await_line(void)
{
	ssize_t got;
	char c = 0;

	while (c != '\n' && (got = read(0, &c, 1)))
		if (got < 0 && errno != EINTR)
			abort();
}

#endif
