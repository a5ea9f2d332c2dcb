#include "send.h"

#include <string.h>

bool send_command(struct tracer *tracer, enum command_kind kind, pid_t tid)
{
	struct record *record = tracer_command(tracer, sizeof(*record));

	if (!record)
		return false;
	*record = (struct record){ .kind = kind, .tid = tid };
	tracer_send(tracer, record, sizeof(*record));
	return true;
}

/* guard: of its process, or NULL. False: no room yet. */
static bool send_copy(struct tracer *tracer, struct guard *guard, const struct record *record)
{
	void *at = tracer_command(tracer, record->len);

	if (!at)
		return false;
	memcpy(at, record, record->len);
	if (guard)
		guard_command(guard, record);
	tracer_send(tracer, at, record->len);
	return true;
}

void send_of(struct tracer *tracer, struct traced *traced)
{
	const struct record *record;

	while ((record = heap_command(traced->heap)) && send_copy(tracer, &traced->guard, record))
		heap_sent(traced->heap);
}

void send_all(struct tracer *tracer, struct processes *processes)
{
	for (size_t i = 0; i < processes->count; i++)
		send_of(tracer, processes->list[i]);
	while (processes->declined_count &&
	       send_copy(tracer, NULL, &processes->declined[processes->declined_count - 1]))
		processes->declined_count--;
}
