#include "differ.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "recorded.h"
#include "snapshot.h"

struct side {
	const char *path;
	struct trace *trace; /* NULL: it is a report */
	struct snapshot *snapshot;
	bool whole;
};

/* Recordings are opened before any of them is read, trace.h. */
static void open_side(struct side *side)
{
	char first = 0;
	FILE *from = fopen(side->path, "re");

	side->whole = true;
	if (!from)
		die(EXIT_OURS, "cannot read %s:", side->path);
	while (fread(&first, 1, 1, from) && strchr(" \t\r\n", first))
		;
	if (first != '{')
		side->trace = recorded_open(side->path);
	fclose(from);
}

static void read_report(struct side *side)
{
	FILE *from = fopen(side->path, "re");
	const char *why = strerror(errno);

	side->snapshot = from ? snapshot_read(from, &why) : NULL;
	if (!side->snapshot)
		die(EXIT_OURS, "cannot read %s: %s; diff compares two recordings or JSON reports",
		    side->path, why);
	fclose(from);
}

/* Of several processes the first. */
static void read_recording(struct side *side, const char *at)
{
	const struct options options = { .at = { at }, .at_count = at != NULL };
	const struct analysis_options analysis = { .depth = 0 };
	const struct heap_program *program;
	uint64_t at_ms = 0;
	bool has_at = recorded_at(&options, &at_ms);
	size_t count;
	struct recorded *list = recorded_find(side->trace, side->path, has_at, at_ms, &count);
	struct heap *heap = trace_heap(side->trace, list->process->track, &analysis, &list->moment);

	side->whole = recorded_tell_damage(side->trace, side->path);
	if (!heap)
		die(EXIT_OURS, "cannot read %s: nothing of it is readable; record once more",
		    side->path);
	program = heap_program(heap);
	side->snapshot = snapshot_of(heap, (list->moment.now_ns - program->began_ns) / 1000000);
	if (!side->snapshot)
		die(EXIT_OURS, "cannot read %s: no memory", side->path);
	side->snapshot->pid = program->pid;
	side->snapshot->exe = program->exe ? strdup(program->exe) : NULL;
	heap_free(heap);
	free(list);
	trace_free(side->trace);
}

static const struct output *output_of(const struct dest *dest)
{
	if (strcmp(dest->output->name, diff_text.name) == 0)
		return &diff_text;
	if (strcmp(dest->output->name, diff_json.name) == 0)
		return &diff_json;
	die(EXIT_USAGE, "-o %s: diff writes text or json; see --help", dest->output->name);
}

static bool write_all(struct options *options, const struct snapshot_diff *diff)
{
	bool failed = false;

	for (unsigned i = 0; i < options->dest_count; i++) {
		struct diff_report report = { .report = { .reason = "diff" }, .diff = diff };

		failed |= dest_write(&options->dests[i], &report.report, 0) < 0;
	}
	return !failed;
}

int diff_main(int argc, char **argv, struct title title)
{
	struct snapshot_diff diff = { .top = 0 };
	struct side sides[2] = { { .path = NULL } };
	const char *paths[2];
	struct options options;
	bool written;

	(void)argc, (void)title;
	options_parse_files(&options, argv, "text:-", paths, countof(paths), "text or json");
	for (unsigned i = 0; i < options.dest_count; i++)
		options.dests[i].output = output_of(&options.dests[i]);
	for (size_t i = 0; i < countof(sides); i++) {
		sides[i].path = paths[i];
		open_side(&sides[i]);
	}
	for (size_t i = 0; i < countof(sides); i++)
		if (sides[i].trace)
			read_recording(&sides[i], i < options.at_count ? options.at[i] : NULL);
		else
			read_report(&sides[i]);
	diff = (struct snapshot_diff){ .a = sides[0].snapshot, .b = sides[1].snapshot,
		                       .match = options.match, .hide = options.hide,
		                       .match_count = options.query.match_count,
		                       .hide_count = options.query.hide_count,
		                       .top = options.top };
	if (!snapshot_compare(&diff))
		die(EXIT_OURS, "cannot compare: no memory");
	written = write_all(&options, &diff);
	free(diff.changes);
	snapshot_free(sides[0].snapshot);
	snapshot_free(sides[1].snapshot);
	return written && sides[0].whole && sides[1].whole ? 0 : EXIT_OURS;
}
