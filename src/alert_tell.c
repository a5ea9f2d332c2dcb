#include "alert_tell.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "alert_command.h"
#include "log.h"

static const struct {
	const char *word, *key; /* for people; for programs */
} kinds[ALERT_KINDS] = {
	[ALERT_BLOCK] = { "large block", "block" },   [ALERT_GROWTH] = { "leak?", "growth" },
	[ALERT_SHRINKAGE] = { "never mind", "shrinkage" }, [ALERT_LIVE] = { "much is live", "live" },
	[ALERT_RATE] = { "many allocations", "rate" },
};

/* FUNCTION (FILE:LINE), of the program's call. */
static void put_where(struct heap *heap, uint32_t site, char *out, size_t size)
{
	size_t count = 0;
	const struct heap_frame *frame = site ? heap_stack(heap, site, &count) : NULL;
	const char *slash = count && frame->file ? strrchr(frame->file, '/') : NULL;

	*out = '\0';
	if (!count)
		return;
	if (frame->file)
		snprintf(out, size, "%s (%s:%d)", frame->function ? frame->function : "?",
		         slash ? slash + 1 : frame->file, frame->line);
	else if (frame->function)
		snprintf(out, size, "%s", frame->function);
	else
		snprintf(out, size, "%s+0x%" PRIx64, frame->module ? frame->module : "?", frame->offset);
}

/* ---- the line ------------------------------------------------------------------------------- */

static void put_line(const struct alert *alert, int pid, const char *where, char *out, size_t size)
{
	const char *word = kinds[alert->kind].word;
	unsigned long long seconds = alert->time_ms / 1000, ms = alert->time_ms % 1000;

	if (alert->site)
		snprintf(out, size, "%s: process %d, thread %d, %s by %s: %+" PRId64 " bytes, %" PRIu64
		         " held, after %llu.%03llu s", word, pid, alert->tid, *where ? where : "?",
		         alert->function, alert->delta, alert->total, seconds, ms);
	else
		snprintf(out, size, "%s: process %d: %s%" PRId64 "%s, %" PRIu64
		         " bytes held, after %llu.%03llu s", word, pid,
		         alert->kind == ALERT_LIVE ? "+" : "", alert->delta,
		         alert->kind == ALERT_LIVE ? " bytes" : " in a second", alert->total, seconds, ms);
}

/* ---- the command ----------------------------------------------------------------------------- */

static bool run(struct session *session, const struct alert *alert, int pid, const char *where)
{
	const struct alert_value values[] = {
		alert_text("AT_KIND", kinds[alert->kind].key),
		alert_text("AT_FUNCTION", alert->function ? alert->function : ""),
		alert_text("AT_WHERE", where),
		alert_number("AT_PID", pid),
		alert_number("AT_TID", alert->tid),
		alert_number("AT_SITE", alert->site),
		alert_number("AT_DELTA", alert->delta),
		alert_number("AT_TOTAL", (int64_t)alert->total),
		alert_number("AT_TIME_MS", (int64_t)alert->time_ms),
	};

	return alert_command_run(&session->polls, session->options->on_alert, values, countof(values));
}

static void tell(void *ctx, struct heap *heap, const struct alert *alert)
{
	struct session *session = ctx;
	int pid = heap_program(heap)->pid;
	char where[512], line[1024];

	put_where(heap, alert->site, where, sizeof(where));
	put_line(alert, pid, where, line, sizeof(line) - 1);
	if ((!session->options->on_alert || !run(session, alert, pid, where)) && log_has_room())
		warn("%s", line);
	ctl_tell_alert(session, strcat(line, "\n"));
	if (session->options->alert_dump)
		reporting_dump_now(&session->reporting);
}

void alert_listen(struct session *session)
{
	alerts_init(&session->alerts, &session->options->alerts, tell, session);
	listeners_add(&session->listeners, alerts_hear, &session->alerts);
}

void alert_end(struct session *session)
{
	alert_command_end_all();
	log_tell_left_out();
	alerts_deinit(&session->alerts);
}
