#include "clock.h"

uint64_t clock_ns(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return now.tv_sec * UINT64_C(1000000000) + now.tv_nsec;
}
