/* The databases of a session: -o sqlite:PATH and the like. */
#ifndef DATABASES_H
#define DATABASES_H

#include "listeners.h"
#include "options.h"
#include "polls.h"
#include "sql.h"
#include "trace.h"

struct databases { /* all zero: there are none */
	struct database {
		struct sql *sql;
		char *path;
		int locked; /* a descriptor that has it locked, or -1 */
		bool told; /* that it has ended early */
	} list[OUTPUTS_MAX];
	unsigned count;
	int timer; /* for what came to be written, be it little */
};

/* Ends our process when one can't be written. What is given must stay. recorded: of what the
 * events are told, or NULL: they happen now. */
void databases_init(struct databases *, const struct options *, struct listeners *, struct polls *,
                    const struct trace *recorded);
/* Nothing comes of the process any more. Before heap_free. */
void databases_end(struct databases *, struct heap *);
void databases_end_at(struct databases *, struct heap *, uint64_t now_ns);
void databases_lose(struct databases *, struct heap *); /* as sql_lose */
/* Waits for them. False: one is not whole, which was said. */
bool databases_close(struct databases *);

#endif
