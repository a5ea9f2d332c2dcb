/* The tracer's alarm: it breaks off a wait for stops, once. */
#ifndef ALARM_H
#define ALARM_H

void alarm_soon(void); /* in 10 ms; async-signal-safe */

#endif
