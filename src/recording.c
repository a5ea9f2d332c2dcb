#include "recording.h"

#include <errno.h>

#include "log.h"
#include "timer.h"

#define FLUSH_MS 1000

/* The trace goes on. */
static void tell_error(struct recording *recording, int error)
{
	if (!error || recording->told)
		return;
	recording->told = true;
	errno = error;
	if (error == ENOBUFS)
		warn("the recording in %s ends early: the disk cannot keep up; the trace goes on",
		     recording->path);
	else
		warn("the recording in %s ends early, the trace goes on:", recording->path);
}

static void serve(void *ctx, short revents)
{
	struct recording *recording = ctx;

	(void)revents;
	if (!timer_fired(recording->timer))
		return;
	trace_flush(recording->writer);
	tell_error(recording, trace_error(recording->writer));
}

void recording_init(struct recording *recording, const struct options *options,
                    struct listeners *listeners, struct polls *polls)
{
	*recording = (struct recording){ .path = options->record };
	if (!options->record)
		return;
	recording->writer = trace_create(options->record);
	if (!recording->writer && errno == EWOULDBLOCK)
		die(EXIT_OURS, "cannot record to %s: another session does", options->record);
	if (!recording->writer)
		die(EXIT_OURS, "cannot record to %s:", options->record);
	listeners_add(listeners, trace_tell, recording->writer);
	recording->timer = timer_open(FLUSH_MS, true);
	if (recording->timer >= 0)
		polls_add(polls, recording->timer, POLLIN, serve, recording);
}

void recording_mark(struct recording *recording, const struct traced *traced,
                    const struct trace_mark *mark)
{
	if (!recording->writer)
		return;
	trace_mark(recording->writer, traced->heap, mark);
	if (!mark->number)
		trace_names(recording->writer, traced->heap);
}

bool recording_end(struct recording *recording)
{
	if (!recording->writer)
		return true;
	tell_error(recording, trace_close(recording->writer));
	recording->writer = NULL;
	return !recording->told;
}
