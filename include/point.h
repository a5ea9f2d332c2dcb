/* Places of the program where something is to be done, in the midst of what it does: those a user
 * names, --at, and the probes a program has in itself, alloctrace/client.h. */
#ifndef POINT_H
#define POINT_H

#include "types.h"

enum point_action {
	POINT_MARK,   /* name: as it is now is kept, for differences */
	POINT_RESET,  /* counters begin anew */
	POINT_STAT,   /* they are shown */
	POINT_DUMP,   /* a report is written */
	POINT_LOG_ON, POINT_LOG_OFF, /* the streams */
	/* Only probes in the program: */
	POINT_PHASE,  /* name: what the program does from now on */
	POINT_TAG,    /* name, detail: what the thread's allocations are from now on; "": nothing */
	POINT_STATS,  /* the program asks for its statistics: buffer, length */
	POINT_ACTIONS
};

#define POINT_ARGS 2 /* that a probe in the program has at most */
#define POINT_TEXT 64 /* bytes of a string that are kept, the 0 included */

struct point { /* one that a user names; strings live as long as the process */
	const char *text;   /* as it was given */
	enum point_action action;
	const char *name;   /* MARK */
	const char *module; /* a pattern, or NULL: any */
	const char *function, *file; /* by either; or by place, with a module the offset there, */
	taddr_t place;               /* else the address */
	int line;           /* of the file, from 1 on */
};

#endif
