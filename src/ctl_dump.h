/* ctl's dump: a report as SIGUSR1 asks for, by itself or besides. */
#ifndef CTL_DUMP_H
#define CTL_DUMP_H

#include "ctl.h"

void ctl_dump_go_on(struct session *, struct ctl_job *);

#endif
