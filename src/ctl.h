/* The session's side of `alloctrace ctl`: requests come by the control socket and are done here,
 * or by a copy of us where names are to be found first. */
#ifndef CTL_H
#define CTL_H

#include "control.h"
#include "ctl_args.h"
#include "reporting.h"

struct session;

struct ctl_job { /* one that takes longer */
	struct control_request request;
	const struct ctl_command *command;
	struct ctl_args args;
	struct one_off one_off; /* dump's */
	struct dest dest;
	bool begun;
	uint32_t image; /* off's and on's: which is switched, */
	uint64_t forgotten_blocks, forgotten_bytes; /* and what was unknown before */
	pid_t pid;   /* the copy that does it, or 0 */
	int ended;   /* readable once it has; -1: none */
	int answer, errors; /* files in memory; -1: none */
	struct ctl_job *next;
};

struct ctl {
	struct control *socket; /* NULL: there is none */
	struct ctl_job *jobs;
	struct ctl_waiters {
		uint64_t clients[CONTROL_CLIENTS];
		unsigned count;
	} stoppers, alerted; /* who wait for us to let go; for the next alert */
	bool more; /* requests wait that were too many for one turn */
};

/* Ends our process when a socket is needed and cannot be. */
void ctl_begin(struct session *);
/* To be called when all records have been drained. */
void ctl_work(struct session *);
/* To all who wait for one. */
void ctl_tell_alert(struct session *, const char *line);
bool ctl_is_awaited(const struct session *); /* ctl_work is to be called soon again */
void ctl_end(struct session *);


#endif
