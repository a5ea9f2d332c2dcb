#include "moment.h"

#include "clock.h"

static uint64_t now;

void moment_pass(void)
{
	now = 0;
}

uint64_t moment_ns(void)
{
	if (!now)
		now = clock_ns(CLOCK_MONOTONIC);
	return now;
}
