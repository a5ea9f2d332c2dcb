#include "options.h"

#include <string.h>

#include "log.h"
#include "option.h"
#include "outputs.h"

static const struct options defaults = {
	.depth = 64, .stats = FIGURES_DEFAULT, .alerts.time_ms = 60000,
};

static const struct option *find(const char *name, size_t len)
{
	const struct option *option;

	for (size_t group = 0, at = 0; (option = option_next(&group, &at));) {
		if (strlen(option->name) == len && strncmp(option->name, name, len) == 0)
			return option;
		if (len == 1 && option->letter && option->letter == *name)
			return option;
	}
	return NULL;
}

/* Takes argv[*at], and the next one where that is the option's value. */
static void take(struct options *options, char **argv, int *at)
{
	bool is_long = argv[*at][1] == '-';
	const char *arg = argv[*at], *name = arg + 1 + is_long, *value = NULL;
	size_t len = is_long ? strcspn(name, "=") : 1;
	const struct option *option = is_long == (len > 1) ? find(name, len) : NULL;

	if (!option)
		die(EXIT_USAGE, "%s: no such option; see --help", arg);
	if (is_long && name[len] == '=')
		value = name + len + 1;
	else if (!is_long && name[1])
		value = name + 1;
	if (value && !option_takes_value(option))
		die(EXIT_USAGE, "%s: takes no value; see --help", arg);
	if (!value && option_takes_value(option))
		value = argv[++*at];
	if (!value && option_takes_value(option))
		die(EXIT_USAGE, "%s: wants a value: %s; see --help", arg, option->argument);
	if (!option_set(option, options, value))
		die(EXIT_USAGE, "%s %s: not a value it takes; see --help", arg, value);
}

static bool is_option(const char *arg)
{
	return arg[0] == '-' && arg[1];
}

static void default_output(struct options *options, const char *output)
{
	if (!options->dest_count && !options->streams.dest_count && !options->database_count)
		dest_parse(&options->dests[options->dest_count++], output);
}

void options_parse(struct options *options, int argc, char **argv, const char *output)
{
	int at = 1;

	*options = defaults;
	for (; at < argc && is_option(argv[at]); at++) {
		if (strcmp(argv[at], "--") == 0) {
			at++;
			break;
		}
		take(options, argv, &at);
	}
	if (at >= argc && !options->pid)
		die(EXIT_USAGE, "no program given; usage: alloctrace [OPTIONS] -- PROG [ARG...]");
	if (options->at_count)
		die(EXIT_USAGE, "--at %s: a moment is for alloctrace report; see --help",
		    options->at[0]);
	if (at < argc && options->pid)
		die(EXIT_USAGE, "%s: a program to start, or -p PID: not both", argv[at]);
	options->argv = at < argc ? argv + at : NULL;
	default_output(options, output);
	outputs_check(options, NULL, 0);
}

void options_check_outputs(const struct options *options, const char *command, const char *writes,
                           bool databases)
{
	const struct dest *odd = options->streams.dest_count ? options->streams.dests : NULL;

	if (!odd && options->database_count && !databases)
		odd = options->databases;
	if (odd)
		die(EXIT_USAGE, "-o %s: %s writes %s; see alloctrace --help", odd->path, command,
		    writes);
}

void options_parse_files(struct options *options, char **argv, const char *output,
                         const char **files, size_t count, const char *writes)
{
	bool only_files = false;
	size_t found = 0;

	*options = defaults;
	for (int at = 1; argv[at]; at++) {
		if (!only_files && strcmp(argv[at], "--") == 0)
			only_files = true;
		else if (!only_files && is_option(argv[at]))
			take(options, argv, &at);
		else if (found == count)
			die(EXIT_USAGE, "%s: one file too many; see alloctrace --help", argv[at]);
		else
			files[found++] = argv[at];
	}
	if (found < count)
		die(EXIT_USAGE, "%s: %s; see alloctrace --help", argv[0],
		    count == 1 ? "wants a file" : "wants two files");
	if (options->pid || options->record || options->points.count)
		die(EXIT_USAGE, "%s: reads files, it traces nothing; see alloctrace --help",
		    argv[0]);
	options_check_outputs(options, argv[0], writes ? writes : "reports and databases", !writes);
	default_output(options, output);
	outputs_check(options, files, count);
}
