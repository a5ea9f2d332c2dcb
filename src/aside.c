/* The tracer gives way to whatever else wants its processor, and the target's stops wait with
 * it: a front that woke up there would hold both up for as long as it has records to read. */
#include "aside.h"

#include <sched.h>
#include <stdbool.h>

static cpu_set_t may;
static int off = -1;

static bool know_where_it_may(void)
{
	return CPU_COUNT(&may) || sched_getaffinity(0, sizeof(may), &may) == 0;
}

void aside_of(int processor)
{
	cpu_set_t set;

	if (processor == off || !know_where_it_may())
		return;
	off = processor;
	set = may;
	if (processor >= 0 && processor < CPU_SETSIZE)
		CPU_CLR(processor, &set);
	if (CPU_COUNT(&set))
		sched_setaffinity(0, sizeof(set), &set);
}
