/* ctl's dump: a report as SIGUSR1 asks for, by itself or besides. */
#ifndef CTL_DUMP_H
#define CTL_DUMP_H

#include "ctl.h"

void ctl_dump_go_on(struct session *, struct ctl_job *);

/* For all kinds of jobs, which are gone then. */
void ctl_finish(struct session *, struct ctl_job *, enum control_status);
void ctl_refuse(struct session *, struct ctl_job *, const char *why);
void ctl_say(struct session *, uint64_t client, enum control_status, const char *text);

#endif
