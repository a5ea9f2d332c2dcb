/* What becomes of an alert: a line, a command, a report. */
#ifndef ALERT_TELL_H
#define ALERT_TELL_H

#include "loop.h"

void alert_listen(struct session *); /* if any is asked for */
void alert_end(struct session *);    /* once the commands that were begun have ended */

#endif
