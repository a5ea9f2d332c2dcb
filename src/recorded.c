#include "recorded.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "playing.h"
#include "replay.h"
#include "reporting.h"

#define SECONDS_MAX 1e9

struct trace *recorded_open(const char *path)
{
	const char *why;
	struct trace *trace = trace_open(path, &why);

	if (!trace)
		die(EXIT_OURS, "cannot read %s: %s; alloctrace --record FILE makes a recording",
		    path, why);
	return trace;
}

bool recorded_tell_damage(const struct trace *trace, const char *path)
{
	uint64_t offset;
	const char *what = trace_damage(trace, &offset);

	if (what)
		warn("%s %s, at byte %" PRIu64 ": what was readable before it is reported", path,
		     what, offset);
	return !what || strncmp(what, "breaks off", 10) == 0;
}

bool recorded_at(const struct options *options, uint64_t *ms)
{
	const char *text = options->at_count ? options->at[options->at_count - 1] : NULL;
	double seconds;
	char *end;

	if (!text)
		return false;
	seconds = strtod(text, &end);
	if (strspn(text, "0123456789.") != (size_t)(end - text) || end == text ||
	    (*end && strcmp(end, "s") != 0) || !(seconds <= SECONDS_MAX))
		die(EXIT_USAGE, "--at %s: not a time in seconds; see --help", text);
	*ms = (uint64_t)(seconds * 1000 + 0.5);
	return true;
}

/* ---- which processes, when ----------------------------------------------------------------- */

struct search {
	struct trace *trace;
	const struct trace_process *processes;
	size_t process_count;
	struct recorded *found;
	size_t count, capacity;
};

static void add(struct search *search, const struct recorded *one)
{
	size_t capacity = search->capacity * 2 + 16;
	struct recorded *grown;

	if (search->count == search->capacity) {
		grown = realloc(search->found, capacity * sizeof(*grown));
		if (!grown)
			die(EXIT_OURS, "cannot read the recording: no memory");
		search->found = grown;
		search->capacity = capacity;
	}
	search->found[search->count++] = *one;
}

/* Each mark, until each returns false. */
static void each_mark(struct search *search, const struct trace_process *process,
                      bool (*each)(struct search *, const struct recorded *, void *ctx), void *ctx)
{
	struct recorded one = { .process = process };
	size_t at = 0;

	while (trace_next_mark(search->trace, process->track, &at, &one.mark, &one.moment))
		if (!each(search, &one, ctx))
			return;
}

static bool is_last(struct search *search, const struct recorded *one, void *ctx)
{
	(void)search;
	if (!one->mark.number)
		*(struct recorded *)ctx = *one;
	return one->mark.number;
}

/* Did the process run another program by then? */
static bool has_gone_on(const struct search *search, const struct trace_process *process,
                        uint64_t now_ns)
{
	for (const struct trace_process *other = process + 1;
	     other < search->processes + search->process_count; other++)
		if (other->pid == process->pid && other->first_ns <= now_ns)
			return true;
	return false;
}

static struct recorded at_time(const struct search *search, const struct trace_process *process,
                               uint64_t now_ns)
{
	return (struct recorded){
		.process = process,
		.mark = { .reason = "dump", .now_ns = now_ns,
		          .child = process->pid != search->processes->pid },
		.moment = { SIZE_MAX, now_ns }
	};
}

/* Where it was not reported, for its session was killed, as far as it goes. */
static void find_last(struct search *search)
{
	for (size_t i = 0; i < search->process_count; i++) {
		const struct trace_process *process = &search->processes[i];
		struct recorded last = { .process = NULL };

		each_mark(search, process, is_last, &last);
		if (!last.process && has_gone_on(search, process, UINT64_MAX))
			continue;
		if (!last.process)
			last = at_time(search, process, process->last_ns);
		add(search, &last);
	}
}

/* The moment of --at, and what was reported then. */
struct wanted {
	uint64_t at_ms;
	struct recorded mark, own; /* a mark of it, and one process's beside that; or none */
};

static bool is_then(const struct search *search, const struct recorded *one, uint64_t at_ms)
{
	return (one->mark.now_ns - search->processes->first_ns) / 1000000 == at_ms;
}

/* A dump, which all had together, rather than a last report. */
static bool find_mark(struct search *search, const struct recorded *one, void *ctx)
{
	struct wanted *wanted = ctx;

	if (is_then(search, one, wanted->at_ms) &&
	    (!wanted->mark.process || (!wanted->mark.mark.number && one->mark.number)))
		wanted->mark = *one;
	return true;
}

static bool find_own(struct search *search, const struct recorded *one, void *ctx)
{
	struct wanted *wanted = ctx;

	if (one->mark.number != wanted->mark.mark.number ||
	    (!one->mark.number && !is_then(search, one, wanted->at_ms)))
		return true;
	wanted->own = *one;
	return false;
}

static uint64_t end_of(struct search *search, const struct trace_process *process)
{
	struct recorded last = { .process = NULL };

	each_mark(search, process, is_last, &last);
	return last.process ? last.mark.now_ns : process->last_ns;
}

/* All that were dumped then; else all that lived, whether that was the last of one of them or
 * not. The latest moment of all. */
static uint64_t find_at(struct search *search, uint64_t at_ms)
{
	uint64_t now_ns = search->processes->first_ns + at_ms * 1000000, latest = 0, end_ns;
	struct wanted wanted = { .at_ms = at_ms };

	for (size_t i = 0; i < search->process_count; i++)
		each_mark(search, &search->processes[i], find_mark, &wanted);
	now_ns = wanted.mark.process ? wanted.mark.mark.now_ns : now_ns;
	for (size_t i = 0; i < search->process_count; i++) {
		const struct trace_process *process = &search->processes[i];

		end_ns = end_of(search, process);
		latest = end_ns > latest ? end_ns : latest;
		wanted.own = at_time(search, process, now_ns);
		if (wanted.mark.process)
			each_mark(search, process, find_own, &wanted);
		if (wanted.own.moment.block != SIZE_MAX ||
		    (!wanted.mark.mark.number && process->first_ns <= now_ns && now_ns <= end_ns &&
		     !has_gone_on(search, process, now_ns)))
			add(search, &wanted.own);
	}
	return latest;
}

struct recorded *recorded_find(struct trace *trace, const char *path, bool has_at, uint64_t at_ms,
                               size_t *count)
{
	struct search search = { .trace = trace };
	uint64_t latest_ms;

	search.process_count = trace_processes(trace, &search.processes);
	if (!search.process_count)
		die(EXIT_OURS, "cannot read %s: no program had begun in it yet", path);
	if (!has_at) {
		find_last(&search);
	} else {
		latest_ms = (find_at(&search, at_ms) - search.processes->first_ns) / 1000000;
		if (!search.count)
			die(EXIT_USAGE, "%s: nothing ran at %" PRIu64 ".%03" PRIu64 " s; the "
			    "recording goes from 0 to %" PRIu64 ".%03" PRIu64 " s", path,
			    at_ms / 1000, at_ms % 1000, latest_ms / 1000, latest_ms % 1000);
	}
	*count = search.count;
	return search.found;
}

/* ---- alloctrace report ----------------------------------------------------------------------- */

/* False: nothing of it could be read. */
static bool write_one(struct reporting *reporting, struct options *options, struct trace *trace,
                      const struct analysis_options *analysis, struct recorded one)
{
	struct heap *heap = trace_heap(trace, one.process->track, analysis, &one.moment);

	if (!heap)
		return false;
	options->growth = replay_is_growth(heap);
	if (one.moment.now_ns < one.mark.now_ns) { /* what was then is lost */
		one.mark = (struct trace_mark){ .reason = "dump", .child = one.mark.child,
			                        .now_ns = one.moment.now_ns };
	}
	one.mark.number = 0; /* it is the only one of its process here */
	reporting_write(reporting, heap, &one.mark);
	heap_free(heap);
	return true;
}

/* All of them; false: there is nothing to tell of any. */
static bool write_all(struct reporting *reporting, struct options *options, struct trace *trace,
                      const struct recorded *list, size_t count, bool has_at)
{
	const struct analysis_options analysis = {
		.depth = options->depth, .raw_stacks = options->raw_stacks,
		.debug_dir = options->debug_dir,
	};
	struct databases databases = { 0 };
	struct listeners listeners = { 0 };
	struct polls polls = { 0 };
	size_t written = 0;

	databases_init(&databases, options, &listeners, &polls, trace);
	for (size_t i = 0; i < count; i++)
		written += write_one(reporting, options, trace, &analysis, list[i]);
	if (written && databases.count &&
	    !playing_tell(&databases, listeners_all(&listeners), trace, &analysis, list, count,
	                  has_at))
		die(EXIT_OURS, "cannot read the recording: no memory");
	reporting->failed |= !databases_close(&databases);
	return written;
}

int report_main(int argc, char **argv, struct title title)
{
	struct reporting reporting;
	struct options options;
	struct recorded *list;
	const char *path;
	struct trace *trace;
	uint64_t at_ms = 0;
	bool has_at, whole;
	size_t count;

	(void)argc, (void)title;
	options_parse_files(&options, argv, "text:-", &path, 1, NULL);
	has_at = recorded_at(&options, &at_ms);
	reporting_init(&reporting, &options, NULL, NULL);
	trace = recorded_open(path);
	reporting.epoch_ns = (int64_t)trace_realtime_offset(trace);
	list = recorded_find(trace, path, has_at, at_ms, &count);
	if (!write_all(&reporting, &options, trace, list, count, has_at))
		die(EXIT_OURS, "cannot read %s: it ends before it tells anything of a program; record "
		    "once more", path);
	whole = recorded_tell_damage(trace, path);
	free(list);
	trace_free(trace);
	reporting_deinit(&reporting);
	return whole && !reporting.failed ? 0 : EXIT_OURS;
}
