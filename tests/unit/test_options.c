/* The command line. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "option.h"

#define ARGS_MAX 40

#define ARGS(...) ((char *[ARGS_MAX]){ "alloctrace", __VA_ARGS__ })

static int count_of(char **argv)
{
	int count = 0;

	while (argv[count])
		count++;
	return count;
}

static struct options parse(char **argv)
{
	struct options options;

	memset(&options, 0xaa, sizeof(options));
	options_parse(&options, count_of(argv), argv, "text:fd:2");
	return options;
}

static void defaults(void **state)
{
	struct options options = parse(ARGS("prog"));

	(void)state;
	assert_int_equal(options.depth, 64);
	assert_int_equal(options.top, 0);
	assert_int_equal(options.query.sort, HEAP_BY_BYTES);
	assert_int_equal(options.dest_count, 1);
	assert_string_equal(options.dests[0].output->name, "text");
	assert_int_equal(options.dests[0].kind, DEST_FD);
	assert_int_equal(options.dests[0].fd, STDERR_FILENO);
	assert_int_equal(options.leak_exitcode, 0);
	assert_int_equal(options.suppression_count, 0);
	assert_false(options.no_default_suppressions);
	assert_string_equal(options.argv[0], "prog");
	assert_null(options.argv[1]);
}

static void expect_program(char **argv, int at)
{
	assert_ptr_equal(parse(argv).argv, argv + at);
}

static void program_begins_at_the_first_other_word(void **state)
{
	(void)state;
	expect_program(ARGS("prog", "-o", "x", "--depth=0"), 1);
	expect_program(ARGS("--", "prog", "-x"), 2);
	expect_program(ARGS("--", "--", "prog"), 2);
	expect_program(ARGS("--", "-prog"), 2);
	expect_program(ARGS("--top", "3", "prog", "--", "x"), 3);
	expect_program(ARGS("--top=3", "-ox", "--", "prog", "--"), 4);
	expect_program(ARGS("-o", "--", "prog"), 3); /* a value may look like anything */
	expect_program(ARGS("-o", "-", "prog"), 3);
}

static void values_are_taken_in_every_form(void **state)
{
	struct options options;

	(void)state;
	options = parse(ARGS("--depth", "1", "--top", "4294967295", "--sort", "peak", "prog"));
	assert_int_equal(options.depth, 1);
	assert_int_equal(options.top, 4294967295);
	assert_int_equal(options.query.sort, HEAP_BY_PEAK);
	options = parse(ARGS("--depth=512", "--top=1", "--sort=blocks", "prog"));
	assert_int_equal(options.depth, 512);
	assert_int_equal(options.top, 1);
	assert_int_equal(options.query.sort, HEAP_BY_BLOCKS);
	options = parse(ARGS("--sort=bytes", "--sort=calls", "prog")); /* the last one wins */
	assert_int_equal(options.query.sort, HEAP_BY_CALLS);
}

static void sizes_have_units(void **state)
{
	(void)state;
	assert_int_equal(parse(ARGS("--min-size=0", "prog")).query.min_size, 0);
	assert_int_equal(parse(ARGS("--min-size", "1500", "prog")).query.min_size, 1500);
	assert_int_equal(parse(ARGS("--min-size=2K", "prog")).query.min_size, 2048);
	assert_int_equal(parse(ARGS("--min-size=3M", "prog")).query.min_size, 3 << 20);
	assert_int_equal(parse(ARGS("--min-size=5G", "prog")).query.min_size, UINT64_C(5) << 30);
}

static void seconds_have_fractions(void **state)
{
	(void)state;
	assert_int_equal(parse(ARGS("--min-age=2", "prog")).query.min_age_ms, 2000);
	assert_int_equal(parse(ARGS("--interval=.25", "prog")).interval_ms, 250);
	assert_int_equal(parse(ARGS("--duration", "1.5", "prog")).duration_ms, 1500);
}

static void patterns_gather(void **state)
{
	struct options options = parse(ARGS("--match", "a", "--hide=b", "--match=c*d", "prog"));

	(void)state;
	assert_int_equal(options.query.match_count, 2);
	assert_string_equal(options.match[0], "a");
	assert_string_equal(options.match[1], "c*d");
	assert_int_equal(options.query.hide_count, 1);
	assert_string_equal(options.hide[0], "b");
}

static void flags_are_set(void **state)
{
	struct options options = parse(ARGS("--blocks", "--raw-stacks", "prog"));

	(void)state;
	assert_true(options.blocks && options.raw_stacks);
	options = parse(ARGS("prog"));
	assert_false(options.blocks || options.raw_stacks);
}

static void leaks_are_judged_when_asked(void **state)
{
	struct options options = parse(ARGS("--leak-exitcode=255", "--suppressions", "a",
					    "--suppressions=b", "--no-default-suppressions", "p"));

	(void)state;
	assert_int_equal(options.leak_exitcode, 255);
	assert_int_equal(options.suppression_count, 2);
	assert_string_equal(options.suppressions[0], "a");
	assert_string_equal(options.suppressions[1], "b");
	assert_true(options.no_default_suppressions);
}

static void expect_dest(const struct dest *dest, const char *format, const char *path)
{
	assert_string_equal(dest->output->name, format);
	assert_string_equal(dest->path, path);
}

static void outputs_are_repeatable(void **state)
{
	struct options options = parse(ARGS("-o", "a.json", "-ob", "--output", "json:c",
					    "--output=text:d=e", "-o=f", "prog"));

	(void)state;
	assert_int_equal(options.dest_count, 5);
	expect_dest(&options.dests[0], "json", "a.json");
	expect_dest(&options.dests[1], "text", "b");
	expect_dest(&options.dests[2], "json", "c");
	expect_dest(&options.dests[3], "text", "d=e");
	expect_dest(&options.dests[4], "text", "=f");
}

static char **many_outputs(unsigned count)
{
	static char *argv[ARGS_MAX], texts[OUTPUTS_MAX + 1][8];
	unsigned at = 0;

	argv[at++] = "alloctrace";
	for (; count; count--) {
		snprintf(texts[count - 1], sizeof(*texts), "-ox%u", count);
		argv[at++] = texts[count - 1];
	}
	argv[at++] = "prog";
	argv[at] = NULL;
	return argv;
}

static void as_many_outputs_as_there_is_room_for(void **state)
{
	(void)state;
	assert_int_equal(parse(many_outputs(OUTPUTS_MAX)).dest_count, OUTPUTS_MAX);
}

/* ---- what ends the process --------------------------------------------------------- */

struct ending {
	int status; /* as waitpid gave it */
	char out[65536], err[4000];
};

static void read_all(FILE *file, char *text, size_t room)
{
	size_t len;

	rewind(file);
	len = fread(text, 1, room - 1, file);
	text[len] = '\0';
	fclose(file);
}

/* Status 99: options_parse has come back. */
static struct ending ending_of(char **argv)
{
	FILE *out = tmpfile(), *err = tmpfile();
	struct ending ending;
	pid_t pid;

	assert_true(out && err);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(fileno(out), STDOUT_FILENO);
		dup2(fileno(err), STDERR_FILENO);
		parse(argv);
		_exit(99);
	}
	assert_int_equal(waitpid(pid, &ending.status, 0), pid);
	read_all(out, ending.out, sizeof(ending.out));
	read_all(err, ending.err, sizeof(ending.err));
	return ending;
}

static void refuse(char **argv, const char *message)
{
	struct ending ending = ending_of(argv);
	char line[1000];

	snprintf(line, sizeof(line), "alloctrace: %s\n", message);
	assert_string_equal(ending.err, line);
	assert_string_equal(ending.out, "");
	assert_true(WIFEXITED(ending.status));
	assert_int_equal(WEXITSTATUS(ending.status), 2);
}

static void bad_values_are_usage_errors(void **state)
{
	static char *const rows[][2] = {
		{ "--depth", "0" },     { "--depth", "513" },   { "--depth", "-1" },
		{ "--depth", "" },      { "--depth", "1x" },    { "--depth", " 1" },
		{ "--depth", "+1" },    { "--depth", "0x10" },  { "--top", "0" },
		{ "--top", "x" },       { "--top", "4294967296" },
		{ "--top", "18446744073709551617" },
		{ "--sort", "" },       { "--sort", "byte" },   { "--sort", "bytesx" },
		{ "--sort", "BYTES" },  { "-o", "" },           { "-o", "json:" },
		{ "-o", "fd:x" },       { "-o", "fd:-1" },      { "-o", "pipe:" },
		{ "--leak-exitcode", "0" },     { "--leak-exitcode", "256" },
		{ "--leak-exitcode", "x" },     { "--leak-exitcode", "" },
		{ "--suppressions", "" },
		{ "-o", "unix:" },      { "--output", "tcp:" }, { "--output", "json:fd:" },
		{ "--min-size", "" },   { "--min-size", "1KB" }, { "--min-size", "k" },
		{ "--min-size", "1k" }, { "--min-size", "-1" },
		{ "--min-size", "18014398509481984K" },
		{ "--min-age", "0" },   { "--min-age", "" },    { "--min-age", "." },
		{ "--interval", "-1" }, { "--interval", "1e3" }, { "--interval", "nan" },
		{ "--duration", "1s" }, { "--duration", "9999999999" },
		{ "--match", "" },      { "--hide", "" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		char message[200];

		snprintf(message, sizeof(message), "%s %s: not a value it takes; see --help",
			 rows[i][0], rows[i][1]);
		refuse(ARGS(rows[i][0], rows[i][1], "prog"), message);
	}
}

static void missing_values_are_usage_errors(void **state)
{
	(void)state;
	refuse(ARGS("-o"), "-o: wants a value: [FORMAT:]DEST; see --help");
	refuse(ARGS("--depth"), "--depth: wants a value: N; see --help");
	refuse(ARGS("--top=1", "--sort"), "--sort: wants a value: KEY; see --help");
}

static void values_of_none_are_usage_errors(void **state)
{
	(void)state;
	refuse(ARGS("--help=x", "prog"), "--help=x: takes no value; see --help");
	refuse(ARGS("--version=", "prog"), "--version=: takes no value; see --help");
	refuse(ARGS("-hx", "prog"), "-hx: takes no value; see --help");
}

static void unknown_options_are_usage_errors(void **state)
{
	static char *const rows[] = { "-z", "--zzz", "--zzz=1", "--dept", "--depthx", "--o",
				      "-d", "--=x", "-=" };

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		char message[100];

		snprintf(message, sizeof(message), "%s: no such option; see --help", rows[i]);
		refuse(ARGS(rows[i], "prog"), message);
	}
}

static void program_must_be_given(void **state)
{
	static const char message[] =
		"no program given; usage: alloctrace [OPTIONS] -- PROG [ARG...]";

	(void)state;
	refuse(ARGS(NULL), message);
	refuse(ARGS("--"), message);
	refuse(ARGS("--top", "3"), message);
	refuse(ARGS("--top", "3", "--"), message);
}

static void outputs_have_an_end(void **state)
{
	(void)state;
	refuse(many_outputs(OUTPUTS_MAX + 1), "-o x1: more than 16 outputs");
}

static void tell(char **argv, const char *first_words)
{
	struct ending ending = ending_of(argv);

	assert_int_equal(ending.status, 0);
	assert_string_equal(ending.err, "");
	assert_memory_equal(ending.out, first_words, strlen(first_words));
	assert_int_equal(ending.out[strlen(ending.out) - 1], '\n');
}

static void help_and_version_end_well(void **state)
{
	(void)state;
	tell(ARGS("--help"), "Usage: alloctrace [OPTIONS] -- PROG [ARG...], or alloctrace [OPTIONS] -p PID\n");
	tell(ARGS("-h", "prog"), "Usage: alloctrace [OPTIONS] -- PROG [ARG...], or alloctrace [OPTIONS] -p PID\n");
	tell(ARGS("--version"), "alloctrace ");
	tell(ARGS("-V"), "alloctrace ");
}

static void help_is_one_screen(void **state)
{
	static const char *const options[] = { "-o, --output ", "--depth", "--top ", "--sort ",
					       "-h, --help ", "--version", "--no-maps",
					       "--leak-exitcode ", "--suppressions ", "--man",
					       "-p, --pid ", "-f, --follow " };
	struct ending ending = ending_of(ARGS("--help"));
	unsigned lines = 0;

	(void)state;
	for (size_t i = 0; i < countof(options); i++)
		assert_non_null(strstr(ending.out, options[i]));
	for (const char *at = ending.out; (at = strchr(at, '\n')); at++)
		lines++;
	assert_in_range(lines, 1, 24);
}

static void the_manual_has_every_option(void **state)
{
	static char man[65536], entry[128];
	struct ending ending = ending_of(ARGS("--man"));
	const struct option *option;
	char *to = man;

	(void)state;
	for (const char *at = ending.out; *at && to < man + sizeof(man) - 1; at++)
		if (*at != '\\') /* roff's */
			*to++ = *at;
	for (size_t group = 0, at = 0; (option = option_next(&group, &at));) {
		snprintf(entry, sizeof(entry), "fB--%sfR", option->name);
		assert_non_null(strstr(man, entry));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(program_begins_at_the_first_other_word),
		cmocka_unit_test(values_are_taken_in_every_form),
		cmocka_unit_test(sizes_have_units),
		cmocka_unit_test(seconds_have_fractions),
		cmocka_unit_test(patterns_gather),
		cmocka_unit_test(flags_are_set),
		cmocka_unit_test(leaks_are_judged_when_asked),
		cmocka_unit_test(outputs_are_repeatable),
		cmocka_unit_test(as_many_outputs_as_there_is_room_for),
		cmocka_unit_test(bad_values_are_usage_errors),
		cmocka_unit_test(missing_values_are_usage_errors),
		cmocka_unit_test(values_of_none_are_usage_errors),
		cmocka_unit_test(unknown_options_are_usage_errors),
		cmocka_unit_test(program_must_be_given),
		cmocka_unit_test(outputs_have_an_end),
		cmocka_unit_test(help_and_version_end_well),
		cmocka_unit_test(help_is_one_screen),
		cmocka_unit_test(the_manual_has_every_option),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
