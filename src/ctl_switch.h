/* ctl's `off` and `on`: the traps of allocators' functions are taken out, and put back. */
#ifndef CTL_SWITCH_H
#define CTL_SWITCH_H

#include "ctl.h"

/* True: it is not done yet; the next one is not to begin before. */
bool ctl_switch_go_on(struct session *, struct ctl_job *);

#endif
