#include "cost.h"

uint64_t cost_stopped_ns(const struct report *report, const struct heap_cost *cost)
{
	uint64_t asleep_ns = report->bare_stop_ns - report->bare_stop_cpu_ns;

	return report->bare_stop_ns ? cost->stops * asleep_ns + cost->tracer_ns : 0;
}
