/* Memory that alloctrace asked for and did not get. Each place gives up its one thing and
 * goes on; here it is counted, for the report to say that it may not be whole. */
#ifndef SHORTAGE_H
#define SHORTAGE_H

#include <stdbool.h>
#include <stdio.h>

unsigned long shortage_count(void); /* times since the start, in libraries too */

/* fclose(3) of a stream in memory: is all in it? */
bool shortage_close(FILE *);

#endif
