#include "option.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "log.h"
#include "sink.h"
#include "usage.h"

#define AT(field) .at = offsetof(struct options, field)
#define LIST(field, number) AT(field), .count = offsetof(struct options, number)

static const char *const sorts[] = { [HEAP_BY_BYTES] = "bytes", [HEAP_BY_BLOCKS] = "blocks",
	                             [HEAP_BY_CALLS] = "calls", [HEAP_BY_PEAK] = "peak",
	                             [HEAP_SORTS] = NULL };

static const char *const on_blocks[] = { [SINK_DROPS] = "drop", [SINK_WAITS] = "wait", NULL };
static const char *const ctl_wishes[] = { [CTL_IF_POSSIBLE] = "auto", [CTL_NEEDED] = "need",
	                                  [CTL_NONE] = "no", [CTL_NONE + 1] = NULL };

static const struct option when[] = {
	{ "pid", 'p', OPTION_COUNT, "PID", AT(pid), .max = INT32_MAX,
	  .help = "attach to a process that runs, until Ctrl-C or its end",
	  .details = "Or to the process of a thread with that number. Nothing of it is "
	             "interrupted. SIGINT, SIGTERM and SIGHUP detach: the program runs on as it "
	             "was, which is verified and reported." },
	{ "init", 0, OPTION_FLAG, AT(init), .place = OPTION_MANUAL,
	  .help = "attach even to process 1" },
	{ "follow", 'f', OPTION_FLAG, AT(follow), .help = "trace children too, a report each",
	  .details = "Whatever a traced process forks or spawns is traced, to its end, and "
	             "alloctrace ends with the last of them; the exit status stays PROG's. A "
	             "process's report is written when it ends, to a file of its own: %p, or else "
	             "the number before the ending of all but the first one's. A child that was "
	             "forked inherits its parent's blocks." },
	{ "output", 'o', OPTION_OUTPUT, "[FORMAT:]DEST",
	  .help = "text, json, csv or folded; default text to stderr",
	  .details = "Repeatable. DEST is a path, in which %p is the process, %n the number of "
	             "the report, %t the time and %% a %; or - for standard output, fd:N, pipe:FIFO, "
	             "tcp:HOST:PORT, unix:PATH. Without FORMAT a path's ending tells it "
	             "(.txt, .json, .csv, .folded). A file appears whole or not at all; an "
	             "earlier report of the run is kept under a name of its own. As mtrace, mlog, "
	             "mlog1, jsonl (and .mtrace and so on) or csv-orphan it is a stream of every "
	             "event as it comes: appended to a file, which is made anew when it is moved, "
	             "or written to a reader that may come and go. As sqlite (.db) or postgres "
	             "(.sql) it is a database of all events, or a script for psql that makes one." },
	{ "record", 0, OPTION_TEXT, "FILE", AT(record), .place = OPTION_NAMED,
	  .help = "keep every event, for alloctrace report, active and diff",
	  .details = "Compressed, with each stack once. With --follow all processes are in the one "
	             "file. Whatever ends the recording early (a full disk, a kill of alloctrace), "
	             "it can be read up to there." },
	{ "interval", 0, OPTION_SECONDS, "SEC", AT(interval_ms), .help = "report every SEC seconds" },
	{ "duration", 0, OPTION_SECONDS, "SEC", AT(duration_ms),
	  .help = "report and let the program go after SEC seconds",
	  .details = "The program runs on without traps. One that alloctrace has started is "
	             "waited for: the exit status is its own." },
	{ "flush", 0, OPTION_SECONDS, "SEC", AT(streams.flush_ms), .place = OPTION_MANUAL,
	  .help = "csv-orphan: how often what has become old is told",
	  .details = "Default: as often as --min-age says, or 60 seconds." },
	{ "on-block", 0, OPTION_CHOICE, "WAY", AT(streams.on_block), .choices = on_blocks,
	  .place = OPTION_MANUAL,
	  .help = "a stream's slow reader: drop (the default) or wait",
	  .details = "What is dropped is counted, and told in reports and at the end. With wait "
	             "the program waits for the reader, too; Ctrl-C ends the waiting, and what "
	             "does not fit is then dropped until it reads again." },
	{ "max-size", 0, OPTION_SIZE, "N[KMG]", AT(streams.max_size), .place = OPTION_MANUAL,
	  .help = "a stream's file is full at N bytes" },
	{ "on-full", 0, OPTION_ON_FULL, "WAY", AT(streams.keep), .place = OPTION_MANUAL,
	  .help = "truncate (the default) or rotate[:K] a stream's full file",
	  .details = "Rotated ones are FILE.1, the latest, to FILE.K; K is 1 by default. Only what "
	             "has the file's own name is renamed, no descriptor and no link; where that "
	             "fails the file grows on." },
	{ "compat", 0, OPTION_FLAG, AT(streams.compat), .place = OPTION_MANUAL,
	  .help = "csv-orphan to the byte as malloc-trace wrote it, which is no valid CSV" },
};

static const struct option what[] = {
	{ "top", 0, OPTION_COUNT, "N", AT(top), .max = UINT32_MAX,
	  .help = "sites shown; default 10 in text, else all" },
	{ "sort", 0, OPTION_CHOICE, "KEY", AT(query.sort), .choices = sorts,
	  .help = "bytes (the default), blocks, calls, or peak",
	  .details = "Bytes and blocks are what is live now; peak is what was live when the "
	             "program held most." },
	{ "min-size", 0, OPTION_SIZE, "N[KMG]", AT(query.min_size),
	  .help = "count as live only blocks of at least N bytes" },
	{ "min-age", 0, OPTION_SECONDS, "SEC", AT(query.min_age_ms),
	  .help = "count as live only blocks at least SEC seconds old" },
	{ "match", 0, OPTION_LIST, "PATTERN", LIST(match, query.match_count),
	  .help = "only stacks with PATTERN in a function, file or module",
	  .details = "Repeatable; one that fits is enough. PATTERN is a part of the name, * in "
	             "it stands for anything." },
	{ "hide", 0, OPTION_LIST, "PATTERN", LIST(hide, query.hide_count), .place = OPTION_MANUAL,
	  .help = "no stacks with PATTERN; repeatable, like --match" },
	{ "blocks", 0, OPTION_FLAG, AT(blocks),
	  .help = "list the live blocks and the mappings too (text, json)" },
	{ "depth", 0, OPTION_COUNT, "N", AT(depth), .max = 512, .place = OPTION_NAMED,
	  .help = "frames kept of a stack, up to 512; default 64" },
	{ "growth", 0, OPTION_FLAG, AT(growth), .place = OPTION_NAMED,
	  .help = "only what is mapped, by whom: no trap in any allocator",
	  .details = "Costs next to nothing. Which stacks make the process grow is listed "
	             "instead of blocks; an allocator's own growth is told by the stack that "
	             "made it grow." },
	{ "rss", 0, OPTION_FLAG, AT(rss), .place = OPTION_NAMED,
	  .help = "what the memory is for: live, held by the allocator, maps, stacks, files",
	  .details = "The kernel's VmRSS taken apart, each part measured by what of it is in "
	             "memory, and what is left over. Every report looks at all pages of the "
	             "program's own memory." },
	{ "no-maps", 0, OPTION_FLAG, AT(no_maps), .place = OPTION_NAMED,
	  .help = "leave mmap, munmap, mremap and brk alone" },
	{ "fn", 0, OPTION_FN, "SPEC", .place = OPTION_NAMED,
	  .help = "another function that allocates or frees, or @SET of them",
	  .details = "Repeatable. SPEC is alloc:, realloc:, free:, ref: or unref:, then the function's name "
	             "(C++ as people write it), MODULE!NAME, MODULE+0xOFFSET or 0xADDRESS, then "
	             "which of its arguments are what, from 1 on: (size=N), (count=N,size=N), "
	             "(bytes=N) for a size that is always N, (ptr=N) for the block taken back, "
	             "(out=N) for where the block is stored if the result is 0, (ptr=N,next=N) for "
	             "a chain of blocks, in each of which the next one's address is at that "
	             "offset, (ptr=N,chain=N) where N is the offset itself. It counts as one call "
	             "whatever it calls; with beside in the brackets what it calls counts too: "
	             "for pools that lie in memory of malloc's, and for what is no memory. SET "
	             "is glib, cpython, apr or openssl, or a file of such lines." },
	{ "at", 0, OPTION_POINT, "PLACE=ACTION", .place = OPTION_NAMED,
	  .help = "when the program comes to PLACE: mark, reset, stat, dump, log on or off",
	  .details = "Repeatable. PLACE is a function's name, MODULE!NAME, FILE:LINE of the source, "
	             "MODULE+0xOFFSET or 0xADDRESS; ACTION mark:NAME, reset, stat, dump, log:on or "
	             "log:off. It is done in the midst of what the program does, of which nothing "
	             "is lost or counted on the wrong side. With report, diff and active it is the "
	             "moment of the recording instead, in seconds since the trace began: 12.5 or "
	             "12.5s; if the session reported at that millisecond, that report." },
	{ "client-stats", 0, OPTION_FLAG, AT(client_stats), .place = OPTION_MANUAL,
	  .help = "let the program ask for its statistics, see alloctrace/client.h",
	  .details = "They are written into a buffer that it passes: the only thing that alloctrace "
	             "ever writes into a program's data." },
	{ "glib", 0, OPTION_FLAG, AT(glib), .place = OPTION_MANUAL,
	  .help = "start PROG with G_SLICE=always-malloc: GLib's slices are blocks of malloc's" },
	{ "operators", 0, OPTION_FLAG, AT(operators), .place = OPTION_NAMED,
	  .help = "trap C++'s operators too: deletes by name, new's sizes as asked",
	  .details = "Without it operator new is known from the stack, at the size that it asks "
	             "malloc for (1 for 0), and operator delete counts as the free it jumps to. "
	             "With it each new stops once more." },
	{ "mismatches", 0, OPTION_FLAG, AT(mismatches), .place = OPTION_NAMED,
	  .help = "report new freed by free, new[] by delete, and the like",
	  .details = "Includes --operators and --free-stacks." },
	{ "free-stacks", 0, OPTION_FLAG, AT(free_stacks), .place = OPTION_MANUAL,
	  .help = "keep the stack of every free: a double free then tells both",
	  .details = "The stack of a free that frees nothing is told in any case." },
	{ "raw-stacks", 0, OPTION_FLAG, AT(raw_stacks), .place = OPTION_MANUAL,
	  .help = "show the frames of operator new and other wrappers" },
};

static const struct option leaks[] = {
	{ "leak-exitcode", 0, OPTION_COUNT, "N", AT(leak_exitcode), .max = 255,
	  .help = "exit with N when blocks are left that are not suppressed",
	  .details = "That is when PROG exits, with whatever status. One killed by a signal did "
	             "not come to free anything: its status stays 128+N; and 125 stays 125." },
	{ "suppressions", 0, OPTION_LIST, "FILE", LIST(suppressions, suppression_count),
	  .help = "what may be left: LSan's syntax or valgrind's",
	  .details = "Repeatable. Ones that were not needed are listed." },
	{ "no-default-suppressions", 0, OPTION_FLAG, AT(no_default_suppressions),
	  .place = OPTION_MANUAL,
	  .help = "count what libc and libstdc++ keep as left, too" },
};

static void alert_defaults(struct options *options)
{
	options->alerts.block = 512 << 10;
	options->alerts.delta = 1 << 20;
}

static const struct option alerts[] = {
	{ "alerts", 0, OPTION_PRESET, .preset = alert_defaults, .place = OPTION_NAMED,
	  .help = "--alert-block 512K and --alert-delta 1M" },
	{ "alert-block", 0, OPTION_SIZE, "N[KMG]", AT(alerts.block), .place = OPTION_MANUAL,
	  .help = "tell at once of an allocation of more than N bytes" },
	{ "alert-delta", 0, OPTION_SIZE, "N[KMG]", AT(alerts.delta), .place = OPTION_MANUAL,
	  .help = "and of a thread that holds more than N bytes more from one site, or less",
	  .details = "More, or less, than when it was last told of: \"leak?\" and \"never mind\". "
	             "What other threads free counts for the one that allocated it." },
	{ "alert-time", 0, OPTION_SECONDS, "SEC", AT(alerts.time_ms), .place = OPTION_MANUAL,
	  .help = "the least time between two alerts of one thread and site; default 60" },
	{ "alert-live", 0, OPTION_SIZE, "N[KMG]", AT(alerts.live), .place = OPTION_MANUAL,
	  .help = "tell at once when more than N bytes are live" },
	{ "alert-rate", 0, OPTION_COUNT, "N", AT(alerts.rate), .max = UINT32_MAX, .place = OPTION_MANUAL,
	  .help = "and of more than N allocations in a second" },
	{ "on-alert", 0, OPTION_TEXT, "COMMAND", AT(on_alert), .place = OPTION_MANUAL,
	  .help = "what a shell is to do then; the values are in its environment",
	  .details = "Instead of the line on standard error: AT_KIND (block, growth, shrinkage, live, "
	             "rate), AT_PID, AT_TID, AT_FUNCTION, AT_WHERE, AT_SITE, AT_DELTA, AT_TOTAL (bytes) "
	             "and AT_TIME_MS. Its output goes to standard error. No more than 8 run at a time, "
	             "further alerts are then told by the line." },
	{ "alert-dump", 0, OPTION_FLAG, AT(alert_dump), .place = OPTION_MANUAL,
	  .help = "write a report at every alert" },
};

static const struct option other[] = {
	{ "ctl", 0, OPTION_CHOICE, "WHEN", AT(ctl), .choices = ctl_wishes, .place = OPTION_MANUAL,
	  .help = "a control socket: auto (the default), need, or no",
	  .details = "For alloctrace ctl, in /tmp/alloctrace-ctl-UID, private to the user. With auto a "
	             "session that has no place for it does without." },
	{ "metrics", 0, OPTION_TEXT, "ADDR", AT(metrics), .place = OPTION_MANUAL,
	  .help = "serve the counters for Prometheus at HOST:PORT, PORT or unix:PATH",
	  .details = "As OpenMetrics text, by HTTP, under /metrics. Without HOST on the loopback "
	             "interface only; PORT is 1 to 65535." },
	{ "stats", 0, OPTION_SECTIONS, "LIST", AT(stats), .place = OPTION_MANUAL,
	  .help = "what ctl's stat tells: date,threads,count,sizes,allocator,vm",
	  .details = "Default threads,count. Changed while it runs by ctl PID set stats=LIST." },
	{ "debug-dir", 0, OPTION_FOLDER, "DIR", AT(debug_dir), .place = OPTION_MANUAL,
	  .help = "debug files, laid out as in /usr/lib/debug" },
	{ "help", 'h', OPTION_ACTION, .run = usage_help, .help = "this page" },
	{ "version", 'V', OPTION_ACTION, .run = usage_version, .place = OPTION_NAMED,
	  .help = "the version" },
	{ "man", 0, OPTION_ACTION, .run = usage_man,
	  .help = "the manual, with every option; to read: | man -l -" },
	{ "bash-completion", 0, OPTION_ACTION, .run = usage_completion, .place = OPTION_HIDDEN,
	  .help = "a completion script for bash" },
};

const struct option_group option_groups[] = {
	{ "When and where to report, beside at PROG's end and on SIGUSR1", when, countof(when) },
	{ "What to show", what, countof(what) },
	{ "What may be left at the end", leaks, countof(leaks) },
	{ "What to be told of at once", alerts, countof(alerts) },
	{ "Other", other, countof(other) },
};
const size_t option_group_count = countof(option_groups);

const struct option *option_next(size_t *group, size_t *at)
{
	while (*group < option_group_count && *at == option_groups[*group].count) {
		++*group;
		*at = 0;
	}
	return *group < option_group_count ? &option_groups[*group].options[(*at)++] : NULL;
}

bool option_takes_value(const struct option *option)
{
	return option->kind != OPTION_FLAG && option->kind != OPTION_PRESET &&
	       option->kind != OPTION_ACTION;
}

/* ---- values --------------------------------------------------------------------- */

/* What is behind the digits is left to end; false: none, or too many. */
static bool read_number(const char *text, uint64_t *out, char **end)
{
	errno = 0;
	*out = strtoull(text, end, 10);
	return *text >= '0' && *text <= '9' && !errno;
}

static bool read_count(const struct option *option, const char *text, uint64_t *out)
{
	char *end;

	return read_number(text, out, &end) && !*end && *out >= 1 && *out <= option->max;
}

static bool read_size(const char *text, uint64_t *out)
{
	static const char units[] = "KMG";
	const char *unit;
	char *end;

	if (!read_number(text, out, &end))
		return false;
	unit = *end ? strchr(units, *end) : NULL;
	if (!*end)
		return true;
	if (!unit || end[1] || *out > UINT64_MAX >> 10 * (unit - units + 1))
		return false;
	*out <<= 10 * (unit - units + 1);
	return true;
}

#define SECONDS_MAX 1e9 /* 30 years */

static bool read_seconds(const char *text, uint64_t *out)
{
	char *end;
	double seconds = strtod(text, &end);

	if (*end || strspn(text, "0123456789.") != strlen(text) || !(seconds <= SECONDS_MAX))
		return false;
	*out = (uint64_t)(seconds * 1000 + 0.5);
	return *out >= 1;
}

static bool read_choice(const struct option *option, const char *text, int *out)
{
	for (int i = 0; option->choices[i]; i++) {
		if (strcmp(option->choices[i], text) != 0)
			continue;
		*out = i;
		return true;
	}
	return false;
}

static bool add_text(const char **list, size_t *count, const char *text)
{
	if (*count == LIST_MAX)
		die(EXIT_USAGE, "%s: more than %d of these", text, LIST_MAX);
	list[(*count)++] = text;
	return *text;
}

/* A file would be written over from its beginning. */
static void refuse_no_fifo(const struct dest *dest, const char *text)
{
	struct stat stat_;

	if (dest->kind == DEST_PIPE && stat(dest->path, &stat_) == 0 && !S_ISFIFO(stat_.st_mode))
		die(EXIT_OURS, "-o %s: pipe: is for a fifo, and this is none; leave pipe: out to "
		    "write a file", text);
}

static bool add_output(struct options *options, const char *text)
{
	struct stream_options *streams = &options->streams;
	struct dest dest;

	if (options->dest_count == OUTPUTS_MAX || streams->dest_count == OUTPUTS_MAX ||
	    options->database_count == OUTPUTS_MAX)
		die(EXIT_USAGE, "-o %s: more than %d outputs", text, OUTPUTS_MAX);
	if (!dest_parse(&dest, text))
		return false;
	refuse_no_fifo(&dest, text);
	if (dest.stream)
		streams->dests[streams->dest_count++] = dest;
	else if (dest.sql)
		options->databases[options->database_count++] = dest;
	else
		options->dests[options->dest_count++] = dest;
	return true;
}

#define KEEP_MAX 1000

static bool read_on_full(const char *text, unsigned *keep)
{
	char *end = NULL;
	uint64_t count = 1;

	*keep = 0;
	if (strcmp(text, "truncate") == 0)
		return true;
	if (strncmp(text, "rotate:", 7) == 0 && (!read_number(text + 7, &count, &end) || *end))
		return false;
	*keep = count;
	return (end || strcmp(text, "rotate") == 0) && count >= 1 && count <= KEEP_MAX;
}

bool option_set(const struct option *option, struct options *options, const char *value)
{
	void *at = (char *)options + option->at, *count = (char *)options + option->count;

	switch (option->kind) {
	case OPTION_FLAG:
		return *(bool *)at = true;
	case OPTION_COUNT:
		return read_count(option, value, at);
	case OPTION_SIZE:
		return read_size(value, at);
	case OPTION_SECONDS:
		return read_seconds(value, at);
	case OPTION_CHOICE:
		return read_choice(option, value, at);
	case OPTION_FOLDER:
		return *(*(const char **)at = value) && !strchr(value, ':');
	case OPTION_LIST:
		return add_text(at, count, value);
	case OPTION_OUTPUT:
		return add_output(options, value);
	case OPTION_ON_FULL:
		return read_on_full(value, at);
	case OPTION_FN:
		fn_parse(&options->fns, value);
		return true;
	case OPTION_PRESET:
		option->preset(options);
		return true;
	case OPTION_TEXT:
		return *(*(const char **)at = value);
	case OPTION_POINT: /* or a moment, which does nothing */
		if (!strchr(value, '='))
			return add_text(options->at, &options->at_count, value);
		point_parse(&options->points, value);
		return true;
	case OPTION_SECTIONS:
		return figures_sections_read(value, at);
	case OPTION_ACTION:
		option->run();
	}
	return true;
}
