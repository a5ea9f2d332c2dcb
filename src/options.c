#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

#define VERSION "0.1"
#define DEPTH_DEFAULT 64
#define DEPTH_MAX 512

struct option {
	const char *name;     /* without the dashes */
	char letter;          /* or 0 */
	const char *argument; /* what it takes, or NULL */
	const char *help;
	bool (*set)(struct options *, const char *value); /* false: the value is no good */
};

/* 1 to max. */
static bool parse_count(const char *text, unsigned long max, unsigned long *out)
{
	char *end;

	errno = 0;
	*out = strtoul(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && !errno && *out >= 1 && *out <= max;
}

static bool set_output(struct options *options, const char *value)
{
	if (options->dest_count == OUTPUTS_MAX)
		die(EXIT_USAGE, "-o %s: more than %d outputs", value, OUTPUTS_MAX);
	return dest_parse(&options->dests[options->dest_count++], value);
}

static bool set_depth(struct options *options, const char *value)
{
	unsigned long depth;

	if (!parse_count(value, DEPTH_MAX, &depth))
		return false;
	options->depth = depth;
	return true;
}

static bool set_top(struct options *options, const char *value)
{
	unsigned long top;

	if (!parse_count(value, UINT32_MAX, &top))
		return false;
	options->top = top;
	return true;
}

static bool set_sort(struct options *options, const char *value)
{
	static const char *const names[] = {
		[HEAP_BY_BYTES] = "bytes",
		[HEAP_BY_BLOCKS] = "blocks",
		[HEAP_BY_CALLS] = "calls",
		[HEAP_BY_PEAK] = "peak",
	};

	for (size_t i = 0; i < countof(names); i++) {
		if (strcmp(value, names[i]) != 0)
			continue;
		options->sort = i;
		return true;
	}
	return false;
}

static bool show_help(struct options *, const char *);

static bool show_version(struct options *options, const char *value)
{
	(void)options, (void)value;
	puts("alloctrace " VERSION);
	exit(0);
}

static const struct option table[] = {
	{ "output", 'o', "[FORMAT:]DEST",
	  "report there, repeatable, as text or json; a path\n"
	  "(%p pid, %n dump number, %t time), -, fd:N,\n"
	  "pipe:PATH, tcp:HOST:PORT or unix:PATH", set_output },
	{ "depth", 0, "N", "frames kept of a stack, 1 to 512; default 64", set_depth },
	{ "top", 0, "N", "sites shown; default 10 in text, all in json", set_top },
	{ "sort", 0, "KEY", "bytes, blocks, calls or peak; default bytes", set_sort },
	{ "help", 'h', NULL, "this page", show_help },
	{ "version", 'V', NULL, "the version", show_version },
};

static void print_option(const struct option *option)
{
	char left[64], letter[8] = "    ";
	const char *help = option->help;

	if (option->letter)
		snprintf(letter, sizeof(letter), "-%c, ", option->letter);
	snprintf(left, sizeof(left), "%s--%s%s%s", letter, option->name,
	         option->argument ? " " : "", option->argument ? option->argument : "");
	while (*help) {
		size_t len = strcspn(help, "\n");

		printf("  %-28s %.*s\n", left, (int)len, help);
		left[0] = '\0';
		help += len + (help[len] == '\n');
	}
}

static bool show_help(struct options *options, const char *value)
{
	(void)options, (void)value;
	puts("Usage: alloctrace [OPTIONS] -- PROG [ARG...]\n"
	     "Runs PROG and says who holds its memory: at its end, and whenever\n"
	     "alloctrace gets SIGUSR1. PROG is not changed, nothing is loaded into it.\n");
	for (size_t i = 0; i < countof(table); i++)
		print_option(&table[i]);
	puts("\nExit status: PROG's own (128+N when killed by signal N); 125 alloctrace\n"
	     "failed, 126 PROG cannot be executed, 127 PROG not found, 2 usage.");
	exit(0);
}

static const struct option *find(const char *name, size_t len)
{
	for (size_t i = 0; i < countof(table); i++) {
		if (strlen(table[i].name) == len && strncmp(table[i].name, name, len) == 0)
			return &table[i];
		if (len == 1 && table[i].letter && table[i].letter == *name)
			return &table[i];
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
	if (value && !option->argument)
		die(EXIT_USAGE, "%s: takes no value; see --help", arg);
	if (!value && option->argument)
		value = argv[++*at];
	if (!value && option->argument)
		die(EXIT_USAGE, "%s: wants a value: %s; see --help", arg, option->argument);
	if (!option->set(options, value))
		die(EXIT_USAGE, "%s %s: not a value it takes; see --help", arg, value);
}

void options_parse(struct options *options, int argc, char **argv)
{
	int at = 1;

	*options = (struct options){ .depth = DEPTH_DEFAULT };
	for (; at < argc && argv[at][0] == '-' && argv[at][1]; at++) {
		if (strcmp(argv[at], "--") == 0) {
			at++;
			break;
		}
		take(options, argv, &at);
	}
	if (at >= argc)
		die(EXIT_USAGE, "no program given; usage: alloctrace [OPTIONS] -- PROG [ARG...]");
	options->argv = argv + at;
	if (!options->dest_count)
		dest_parse(&options->dests[options->dest_count++], "text:fd:2");
}
