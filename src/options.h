/* The command line as data. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "alerts.h"
#include "bare_stop.h"
#include "dest.h"
#include "figures.h"
#include "fn_parse.h"
#include "point_parse.h"

#define OUTPUTS_MAX 16
#define LIST_MAX 64

struct stream_options {
	struct dest dests[OUTPUTS_MAX];
	unsigned dest_count;
	uint64_t flush_ms; /* how often orphans are told; 0: as old as they are to be */
	int on_block;      /* enum sink_on_block */
	uint64_t max_size; /* of a file, bytes; 0: any */
	unsigned keep;     /* of full files; 0: it is truncated */
	bool compat;
};
enum ctl_wish { CTL_IF_POSSIBLE, CTL_NEEDED, CTL_NONE }; /* a control socket */

struct options {
	uint64_t depth;
	uint64_t interval_ms, duration_ms; /* 0: none */
	uint64_t top;
	bool blocks, raw_stacks, operators, no_maps, growth, rss, free_stacks, mismatches;
	struct heap_query query;
	const char *match[LIST_MAX], *hide[LIST_MAX]; /* query's */
	struct dest dests[OUTPUTS_MAX];
	unsigned dest_count;
	struct stream_options streams;
	const char *at[LIST_MAX]; /* moments of a recording */
	size_t at_count;
	const char *record;    /* where to, or NULL */
	struct dest databases[OUTPUTS_MAX];
	unsigned database_count;
	const char *debug_dir; /* or NULL */
	uint64_t leak_exitcode; /* 0: the program's own */
	const char *suppressions[LIST_MAX]; /* paths */
	size_t suppression_count;
	bool no_default_suppressions;
	uint64_t pid;   /* to attach to; 0: none */
	struct fn_list fns;
	struct point_list points;
	bool client_stats;
	bool glib;      /* its slices are to be malloc's */
	struct alert_limits alerts;
	const char *on_alert; /* a command, or NULL: a line of ours */
	bool alert_dump;
	bool init;      /* even to process 1 */
	struct bare_stop bare_stop; /* zeros: not measured */
	bool follow;    /* children too */
	unsigned stats; /* FIGURES_ sections that ctl's stat tells */
	int ctl;        /* enum ctl_wish */
	const char *metrics; /* where they are served, or NULL */
	char **argv;    /* the program's; NULL: there is a pid */
};

/* Without -o, output is where the report goes. Ends the process for --help, --version and
 * usage errors. */
void options_parse(struct options *, int argc, char **argv, const char *output);

/* The same of a command that reads that many files, argv[0]; options may be among them. It writes
 * databases, too, unless writes says what alone it does. */
void options_parse_files(struct options *, char **argv, const char *output, const char **files,
                         size_t count, const char *writes);

/* Ends the process where an output is none of those: streams never are. */
void options_check_outputs(const struct options *, const char *command, const char *writes,
                           bool databases);

#endif
