#include "ctl_switch.h"

#include <inttypes.h>
#include <stdio.h>

#include "ctl_commands.h"

static const char *why_not(const struct session *session, const struct ctl_job *job,
                           const struct traced *traced)
{
	if (session->leaving || session->tracer_ended || traced->ended || traced->released ||
	    (job->begun && traced->image != job->image))
		return "it is not traced any more";
	return session->options->growth ? "with --growth there is nothing to switch" : NULL;
}

static void tell(const struct ctl_job *job, const struct heap *heap)
{
	const struct heap_totals *totals = heap_totals(heap);
	uint64_t blocks = totals->forgotten_blocks - job->forgotten_blocks;

	if (heap_is_off(heap))
		dprintf(job->answer, "off: what is called is not seen, until it is on again\n");
	else if (!blocks)
		dprintf(job->answer, "on\n");
	else
		dprintf(job->answer, "on: what became of %" PRIu64 " block%s (%" PRIu64 " bytes) that "
		        "lived when it was switched off is not known\n",
		        blocks, blocks == 1 ? "" : "s", totals->forgotten_bytes - job->forgotten_bytes);
}

static void note_before(struct ctl_job *job, const struct heap *heap)
{
	const struct heap_totals *totals = heap_totals(heap);

	job->forgotten_blocks = totals->forgotten_blocks;
	job->forgotten_bytes = totals->forgotten_bytes;
}

bool ctl_switch_go_on(struct session *session, struct ctl_job *job)
{
	struct ctl_call call = { .session = session };
	const char *wrong = ctl_find_process(&call, job->command, job->request.pid);
	bool on = job->command->manner == CTL_ON;

	if (!wrong)
		wrong = why_not(session, job, call.traced);
	if (!wrong && !job->begun)
		note_before(job, call.traced->heap);
	if (!wrong && heap_is_off(call.traced->heap) != on) {
		tell(job, call.traced->heap);
		ctl_finish(session, job, CONTROL_OK);
		return false;
	}
	if (!wrong && !job->begun && !heap_switch(call.traced->heap, on))
		wrong = "no memory";
	if (wrong) {
		ctl_refuse(session, job, wrong);
		return false;
	}
	job->begun = true;
	job->image = call.traced->image;
	return true;
}
