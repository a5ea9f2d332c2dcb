/* ctl's set: the options of what is shown, changed while the session runs. */
#ifndef CTL_SET_H
#define CTL_SET_H

#include "ctl_commands.h"

/* KEY=VALUE. NULL, or a static sentence: what is wrong; then nothing has changed. */
const char *ctl_set_one(struct options *, const char *text);
enum control_status ctl_set(struct ctl_call *);

#endif
