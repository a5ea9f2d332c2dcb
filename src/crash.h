/* The front's own fault, or a library's that does not mind running out of memory. */
#ifndef CRASH_H
#define CRASH_H

/* From now on it costs one line and the status of a failure; the tracer, which sees the
 * front gone, lets the program go. Sanitizers keep their own handlers. */
void crash_guard(void);
void crash_launched(void); /* there is a program to let go */
void crash_of_writer(void); /* this process only writes a report */

#endif
