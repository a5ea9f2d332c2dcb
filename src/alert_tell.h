/* What becomes of an alert: a line, a command, a report. */
#ifndef ALERT_TELL_H
#define ALERT_TELL_H

#include "loop.h"

void alert_listen(struct session *); /* one may be asked for while it runs */
void alert_end(struct session *);    /* once the commands that were begun have ended */

#endif
