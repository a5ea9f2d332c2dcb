#include "reporting.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"

#define PATIENCE_MS 2000

static void check_outputs(const struct options *options)
{
	for (unsigned i = 0; i < options->dest_count; i++) {
		int error = dest_check(&options->dests[i]);

		if (error == -EBADF && i == 0 && options->dests[i].fd == STDERR_FILENO)
			continue; /* a closed stderr: nobody to tell, and no reason not to run */
		errno = -error;
		if (error < 0)
			die(EXIT_OURS, "cannot report to %s:", options->dests[i].path);
	}
}

void reporting_init(struct reporting *reporting, const struct options *options,
                    const struct processes *processes, struct recording *recording)
{
	*reporting = (struct reporting){ .options = options, .processes = processes,
		                         .recording = recording };
	reporting->epoch_ns = (int64_t)(clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC));
	check_outputs(options);
	leaks_load(&reporting->leaks, options);
}

bool reporting_asks_usable(const struct options *options)
{
	bool asks = false;

	for (unsigned i = 0; i < options->dest_count; i++)
		asks |= options->dests[i].output->usable;
	return asks;
}

void reporting_deinit(struct reporting *reporting)
{
	if (reporting->left_out > 1)
		warn("%" PRIu64 " reports were left out", reporting->left_out);
	leaks_deinit(&reporting->leaks);
}

/* ---- one report ------------------------------------------------------------------- */

static const char *ending(int status)
{
	static char text[64];
	int sig = WTERMSIG(status);

	if (WIFEXITED(status))
		snprintf(text, sizeof(text), "exited with status %d", WEXITSTATUS(status));
	else
		snprintf(text, sizeof(text), "killed by SIG%s",
		         sigabbrev_np(sig) ? sigabbrev_np(sig) : "RT");
	return text;
}

static void take_options(struct report *report, const struct options *options)
{
	report->query = options->query;
	report->query.match = options->match;
	report->query.hide = options->hide;
	report->bare_stop_ns = options->bare_stop.ns;
	report->bare_stop_cpu_ns = options->bare_stop.cpu_ns;
	report->growth = options->growth;
	report->blocks = options->blocks;
	report->top = options->top;
}

static struct report report_of(const struct reporting *reporting, struct heap *heap,
                               const struct trace_mark *mark)
{
	const struct heap_program *program = heap_program(heap);
	struct report report = {
		.reason = mark->reason,
		.date_s = (mark->now_ns + reporting->epoch_ns) / 1000000000,
		.time_ms = (mark->now_ns - program->began_ns) / 1000000,
		.pid = program->pid,
		.exe = program->exe,
		.cmdline = program->cmdline,
		.ending = mark->ended ? ending(mark->status) : NULL,
		.heap = heap,
		.child = mark->child,
	};

	take_options(&report, reporting->options);
	report.query.now_ms = report.time_ms;
	leaks_report(&reporting->leaks, &report);
	return report;
}

static struct trace_mark mark_of(const struct reporting *reporting, const struct traced *traced,
                                 const char *reason, unsigned number)
{
	return (struct trace_mark){ .reason = reason, .now_ns = reporting->now_ns,
		                    .number = number,
		                    .child = traced != reporting->processes->first,
		                    .ended = traced->ended, .status = traced->status };
}

struct report reporting_head(struct reporting *reporting, const struct traced *traced)
{
	struct trace_mark mark;

	reporting->now_ns = clock_ns(CLOCK_MONOTONIC);
	mark = mark_of(reporting, traced, "dump", 0);
	return report_of(reporting, traced->heap, &mark);
}

/* NULL: all that the options name. */
static const struct dest *only_dest(const struct reporting *reporting)
{
	return reporting->one_off ? reporting->one_off->dest : NULL;
}

void reporting_write(struct reporting *reporting, struct heap *heap, const struct trace_mark *mark)
{
	const struct options *options = reporting->options;
	const struct dest *only = only_dest(reporting);
	const struct dest *dests = only ? only : options->dests;
	unsigned count = only ? 1 : options->dest_count;

	leaks_judge(&reporting->leaks, heap);
	for (unsigned i = 0; i < count; i++) {
		struct report report = report_of(reporting, heap, mark);

		reporting->failed |= dest_write(&dests[i], &report, mark->number) < 0;
	}
}

/* ---- when ------------------------------------------------------------------------- */

static bool is_to_compare(const struct traced *traced)
{
	return traced->executed && !traced->ended && !traced->released;
}

bool reporting_compare_maps(struct reporting *reporting)
{
	const struct processes *processes = reporting->processes;
	bool awaits = false;

	for (size_t i = 0; i < processes->count; i++) {
		const struct traced *traced = processes->list[i];

		if (!is_to_compare(traced))
			continue;
		if (!reporting->asked)
			heap_ask_maps(traced->heap);
		awaits |= heap_awaits_maps(traced->heap);
	}
	reporting->asked = true;
	for (size_t i = 0; !awaits && i < processes->count; i++)
		if (is_to_compare(processes->list[i]))
			heap_look_at_usable(processes->list[i]->heap);
	return !awaits;
}

static bool is_to_dump(const struct reporting *reporting, const struct traced *traced)
{
	const struct one_off *one_off = reporting->one_off;

	return traced->executed && !traced->reported &&
	       (!one_off || !one_off->pid || one_off->pid == traced->pid);
}

static void write_dump(struct reporting *reporting, const char *reason)
{
	const struct processes *processes = reporting->processes;
	unsigned number = only_dest(reporting) ? 0 : reporting->dumps;

	for (size_t i = 0; i < processes->count; i++) {
		const struct traced *traced = processes->list[i];
		struct trace_mark mark = mark_of(reporting, traced, reason, number);

		if (is_to_dump(reporting, traced))
			reporting_write(reporting, traced->heap, &mark);
	}
}

/* A dump for one who has asked for it is none of the session's. */
static void mark_dump(const struct reporting *reporting, const char *reason)
{
	const struct processes *processes = reporting->processes;

	for (size_t i = 0; !only_dest(reporting) && i < processes->count; i++) {
		const struct traced *traced = processes->list[i];
		struct trace_mark mark = mark_of(reporting, traced, reason, reporting->dumps);

		if (is_to_dump(reporting, traced))
			recording_mark(reporting->recording, traced, &mark);
	}
}

static bool any_to_dump(const struct reporting *reporting)
{
	const struct processes *processes = reporting->processes;

	for (size_t i = 0; i < processes->count; i++)
		if (is_to_dump(reporting, processes->list[i]))
			return true;
	return false;
}

static void write_last(struct reporting *reporting, const struct traced *last, const char *reason)
{
	struct trace_mark mark = mark_of(reporting, last, reason, 0);

	reporting_write(reporting, last->heap, &mark);
	if (!last->ended || WIFEXITED(last->status))
		reporting->left_blocks += reporting->leaks.left_blocks;
}

/* last: whose last report it is; NULL: it is a dump of all. */
static void write_what(struct reporting *reporting, const struct traced *last, const char *reason)
{
	if (last)
		write_last(reporting, last, reason);
	else
		write_dump(reporting, reason);
}

/* What the writer's exit status tells: EXIT_OURS has the first of these bits only. */
enum { WRITER_FAILED = 1, WRITER_FOUND_SILENCE = 2, WRITER_LEFT_BLOCKS = 128 };

static _Noreturn void be_writer(struct reporting *reporting, const struct traced *last,
                                const char *reason)
{
	if (only_dest(reporting))
		dup2(reporting->one_off->errors, STDERR_FILENO);
	heap_ask_server(true);
	reporting->failed = false;
	reporting->left_blocks = 0;
	write_what(reporting, last, reason);
	_exit((reporting->failed ? WRITER_FAILED : 0) |
	      (heap_server_is_silent() ? WRITER_FOUND_SILENCE : 0) |
	      (reporting->left_blocks ? WRITER_LEFT_BLOCKS : 0));
}

/* One who asked is told; else it is the session that has failed. */
static void note_result(struct reporting *reporting, struct one_off *one_off, bool failed)
{
	if (!one_off || !one_off->dest)
		reporting->failed |= failed;
	if (one_off)
		one_off->failed = failed;
}

/* A copy of ourselves writes it, of all as it is now: names can take seconds to find, and a
 * reader can be slow, and whatever the program does meanwhile must not wait for that. */
static void fork_writer(struct reporting *reporting, const struct traced *last, const char *reason)
{
	pid_t pid = writers_fork(&reporting->writers, reporting->one_off);

	if (pid == 0)
		be_writer(reporting, last, reason);
	if (pid > 0)
		return;
	write_what(reporting, last, reason); /* no memory or no process for it */
	note_result(reporting, reporting->one_off, reporting->failed);
}

void reporting_dump(struct reporting *reporting, const char *reason, struct one_off *one_off)
{
	reporting->asked = false;
	reporting->one_off = one_off;
	if (any_to_dump(reporting)) { /* else whoever asked does not get it */
		reporting->dumps += !only_dest(reporting);
		reporting->now_ns = clock_ns(CLOCK_MONOTONIC);
		mark_dump(reporting, reason);
		fork_writer(reporting, NULL, reason);
	}
	reporting->one_off = NULL;
}

/* What went wrong the writer has said, unless it was killed. */
static void note_end(struct reporting *reporting, const struct writer *writer, int status)
{
	note_result(reporting, writer->of,
	            !WIFEXITED(status) || WEXITSTATUS(status) & WRITER_FAILED);
	if (WIFEXITED(status) && WEXITSTATUS(status) & WRITER_FOUND_SILENCE)
		heap_give_up_on_server();
	reporting->left_blocks += WIFEXITED(status) && WEXITSTATUS(status) & WRITER_LEFT_BLOCKS;
	if (WIFSIGNALED(status) && !writer->given_up)
		warn("the report is lost: its writer was killed by signal %d", WTERMSIG(status));
}

void reporting_reap(struct reporting *reporting)
{
	struct writer writer;
	int status;

	while (writers_reap(&reporting->writers, &writer, &status)) {
		reporting->unread = false;
		note_end(reporting, &writer, status);
	}
}

bool reporting_has_reader(const struct reporting *reporting)
{
	const struct options *options = reporting->options;

	for (unsigned i = 0; i < options->dest_count; i++)
		if (dest_has_reader(&options->dests[i]))
			return true;
	return false;
}

/* Files get them all; a reader who does not read is not waited for twice. */
static bool makes_room(struct reporting *reporting)
{
	struct writers *writers = &reporting->writers;

	reporting_reap(reporting);
	if (writers->count < WRITERS_MAX)
		return true;
	if (!reporting->unread)
		writers_await(writers, reporting_has_reader(reporting) ? PATIENCE_MS : -1);
	reporting_reap(reporting);
	reporting->unread = writers->count == WRITERS_MAX;
	return !reporting->unread;
}

void reporting_dump_now(struct reporting *reporting)
{
	if (makes_room(reporting)) {
		reporting_dump(reporting, "dump", NULL);
		return;
	}
	if (!reporting->left_out++)
		warn("reports are left out: %d before them are not written yet, as nobody reads them",
		     WRITERS_MAX);
	reporting->failed = true;
}

bool reporting_writes(const struct reporting *reporting, const struct one_off *one_off)
{
	for (unsigned i = 0; i < reporting->writers.count; i++)
		if (reporting->writers.list[i].of == one_off)
			return true;
	return false;
}

static bool is_for_a_reader(const struct one_off *one_off)
{
	return one_off && one_off->dest && dest_has_reader(one_off->dest);
}

static void give_up(struct writer *writer)
{
	writer->given_up = true;
	kill(writer->pid, SIGKILL);
}

void reporting_give_up(struct reporting *reporting, const struct one_off *one_off)
{
	struct writers *writers = &reporting->writers;

	for (unsigned i = 0; is_for_a_reader(one_off) && i < writers->count; i++)
		if (writers->list[i].of == one_off)
			give_up(&writers->list[i]);
}

void reporting_give_up_asked(struct reporting *reporting)
{
	for (unsigned i = 0; i < reporting->writers.count; i++)
		reporting_give_up(reporting, reporting->writers.list[i].of);
}

void reporting_give_up_all(struct reporting *reporting)
{
	struct writers *writers = &reporting->writers;

	if (writers->count)
		warn("%u report%s given up, as nobody has read %s", writers->count,
		     writers->count > 1 ? "s are" : " is", writers->count > 1 ? "them" : "it");
	for (unsigned i = 0; i < writers->count; i++)
		give_up(&writers->list[i]);
}

bool reporting_may_end(const struct reporting *reporting)
{
	return reporting->writers.count < (reporting_has_reader(reporting) ? WRITERS_MAX : 1);
}

void reporting_end(struct reporting *reporting, struct traced *traced, const char *reason)
{
	struct trace_mark mark;

	if (!traced->executed || traced->reported)
		return;
	traced->reported = true;
	reason = traced->released ? "detach" : reason;
	reporting->now_ns = clock_ns(CLOCK_MONOTONIC);
	if (reporting_has_reader(reporting))
		fork_writer(reporting, traced, reason);
	else
		write_last(reporting, traced, reason);
	mark = mark_of(reporting, traced, reason, 0);
	recording_mark(reporting->recording, traced, &mark);
}
