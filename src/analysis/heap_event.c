/* Events in words, as streams and databases have them. */
#include "heap_event.h"

const char *heap_event_state(const struct heap_event *event)
{
	static const char *const names[] = {
		[HEAP_GIVEN_NONE] = "null", [HEAP_GIVEN_LIVE] = "live", [HEAP_GIVEN_FREED] = "double",
		[HEAP_GIVEN_LOADER] = "loader", [HEAP_GIVEN_EARLIER] = "earlier",
		[HEAP_GIVEN_MIDDLE] = "middle", [HEAP_GIVEN_UNKNOWN] = "unknown",
	};

	return event->state || !event->given ? names[event->state] : "kept";
}

const char *heap_event_action(const struct heap_event *event)
{
	static const char *const names[POINT_ACTIONS] = {
		[POINT_MARK] = "mark", [POINT_RESET] = "reset", [POINT_STAT] = "stat",
		[POINT_DUMP] = "dump", [POINT_LOG_ON] = "log:on", [POINT_LOG_OFF] = "log:off",
		[POINT_PHASE] = "phase", [POINT_TAG] = "tag", [POINT_STATS] = "stats",
	};

	return names[event->action];
}
