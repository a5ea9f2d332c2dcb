/* The commands of ctl: one row each. */
#ifndef CTL_COMMANDS_H
#define CTL_COMMANDS_H

#include <stdio.h>

#include "ctl_args.h"
#include "figures.h"
#include "loop.h"

enum ctl_manner {
	CTL_NOW,  /* run here, at once: it looks at no file of the program, and waits for nothing */
	CTL_COPY, /* run in a copy of us: it finds names, and changes nothing */
	CTL_DUMP, /* a report, see ctl_dump.h */
	CTL_OFF, CTL_ON, /* when it is so, see ctl_switch.h */
	CTL_ALERT, /* answered with the next alert */
	CTL_STOP   /* when all is let go */
};

struct ctl_call {
	struct session *session; /* COPY: the copy's */
	struct traced *traced;   /* which is meant; NULL for a row without `of` */
	const struct ctl_args *args;
	struct figures figures;  /* of it */
	FILE *out;               /* the answer, or a sentence: what is wrong */
};

struct ctl_command {
	const char *name, *arguments;
	const char *help; /* one line */
	struct ctl_syntax syntax;
	enum ctl_manner manner;
	bool of; /* a process, which must have begun */
	enum control_status (*run)(struct ctl_call *); /* NOW, COPY */
};

extern const struct ctl_command ctl_commands[];
extern const size_t ctl_command_count;

/* Sets call->traced. NULL: it can be done; else why not. */
const char *ctl_find_process(struct ctl_call *, const struct ctl_command *, int pid);
const struct ctl_command *ctl_command_find(const char *name); /* or NULL */
void ctl_commands_list(FILE *);

/* For all kinds of jobs, which are gone then. */
void ctl_finish(struct session *, struct ctl_job *, enum control_status);
void ctl_refuse(struct session *, struct ctl_job *, const char *why);
void ctl_say(struct session *, uint64_t client, enum control_status, const char *text);

#endif
