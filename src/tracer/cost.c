#include "cost.h"

#include "clock.h"

static struct {
	uint64_t stops, began_ns, ended_ns, cpu_began_ns, cpu_ended_ns;
} cost;

void cost_begin(void)
{
	if (cost.began_ns)
		return;
	cost.began_ns = clock_ns(CLOCK_MONOTONIC);
	cost.cpu_began_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	cost.stops = 0;
}

void cost_stops(size_t count)
{
	cost.stops += count;
}

void cost_end(void)
{
	cost.ended_ns = clock_ns(CLOCK_MONOTONIC);
	cost.cpu_ended_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

void cost_tell(struct record_end *end)
{
	if (!cost.began_ns)
		return;
	end->stops = cost.stops;
	end->cpu_ns = cost.cpu_ended_ns - cost.cpu_began_ns;
	end->watched_ns = cost.ended_ns - cost.began_ns;
}
