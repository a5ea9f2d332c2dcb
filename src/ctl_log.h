/* ctl's log: streams of events, switched and sent elsewhere while they run. */
#ifndef CTL_LOG_H
#define CTL_LOG_H

#include "ctl_commands.h"

enum control_status ctl_log(struct ctl_call *);

#endif
