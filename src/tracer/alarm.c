#include "alarm.h"

#include <stddef.h>
#include <sys/time.h>

void alarm_soon(void)
{
	const struct itimerval soon = { .it_value.tv_usec = 10000 };

	setitimer(ITIMER_REAL, &soon, NULL);
}
