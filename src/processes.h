/* The processes that are traced: the first one, launched or attached to, and with --follow
 * its descendants. Each has an address space with a table of its own; a child that shares
 * its parent's memory is none until it execs. Records find theirs by the image they name. */
#ifndef PROCESSES_H
#define PROCESSES_H

#include "analysis.h"
#include "guard.h"
#include "table.h"

struct traced {
	uint32_t image; /* struct record.image; 0: none yet */
	int pid;
	bool executed;  /* there is something to report */
	bool ended;
	bool released;  /* let go while it lives on */
	bool reported;  /* for the last time */
	size_t told;    /* of its errors */
	int status;     /* when it has ended, as waitpid gives it */
	struct heap *heap;
	struct guard guard;
};

struct processes {
	struct analysis_options options;
	struct traced *first; /* stays, ended as it may be */
	struct traced **list; /* all of them */
	size_t count;
	struct table by_image;
	struct traced *last;     /* to which a record was applied last, or NULL */
	struct record *declined; /* CMD_GO for threads of which nothing is kept */
	size_t declined_count;
};

/* Ends our process when there is no memory. */
void processes_init(struct processes *, const struct analysis_options *, int first);
void processes_deinit(struct processes *);
/* The record's process, to which it was applied, or NULL. *stuck is set when a thread would
 * wait forever: no memory. */
struct traced *processes_apply(struct processes *, const struct record *, bool *stuck);
void processes_drop(struct processes *, struct traced *);
bool processes_wait(const struct processes *); /* have they commands not yet sent? */
/* How many traps were left standing. */
size_t processes_restore(struct processes *);

#endif
