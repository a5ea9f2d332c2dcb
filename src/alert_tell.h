/* What becomes of an alert: a line, a command, a report. */
#ifndef ALERT_TELL_H
#define ALERT_TELL_H

#include "loop.h"

void alert_listen(struct session *); /* one may be asked for while it runs */
void alert_end(struct session *);    /* commands that still run are told to end */

#endif
