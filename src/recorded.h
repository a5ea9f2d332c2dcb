/* Reads recordings: alloctrace report. */
#ifndef RECORDED_H
#define RECORDED_H

#include "session.h"
#include "trace.h"

int report_main(int argc, char **argv, struct title);

/* Ends our process when there is none in the file. */
struct trace *recorded_open(const char *path);
/* Says what was not readable. False: not only its end is missing. */
bool recorded_tell_damage(const struct trace *, const char *path);

/* One process at one moment. */
struct recorded {
	const struct trace_process *process;
	struct trace_mark mark;
	struct trace_moment moment;
};
/* The last ones of all processes, or those at at_ms after the beginning, if has_at. The caller
 * frees. Ends our process when there is none. */
struct recorded *recorded_find(struct trace *, const char *path, bool has_at, uint64_t at_ms,
                               size_t *count);
/* --at; false: there is none. Ends our process when it is no time. */
bool recorded_at(const struct options *, uint64_t *ms);

#endif
