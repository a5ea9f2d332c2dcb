#include "usage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "option.h"

#define SCREEN 80 /* columns */

struct status {
	const char *number, *meaning;
};

static const struct status statuses[] = {
	{ "PROG's", "its own; 128+N when signal N killed it" },
	{ "0", "with -p: detached, or the process has ended" },
	{ "2", "usage" },
	{ "125", "alloctrace failed" },
	{ "126", "PROG cannot be executed" },
	{ "127", "PROG was not found" },
};

static const struct status signals[] = {
	{ "SIGUSR1", "reports now; PROG is not disturbed" },
	{ "SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR2",
	  "sent by a process, are passed on to PROG; from the terminal PROG has got them itself" },
	{ "SIGTSTP", "PROG and alloctrace stop and go on together" },
	{ "with -p: SIGINT, SIGTERM, SIGHUP, SIGQUIT",
	  "detach and report; where there are streams, SIGHUP sent by a process opens their files "
	  "again instead" },
};

/* ---- help ----------------------------------------------------------------------- */

static void help_option(const struct option *option)
{
	char left[64], letter[8] = "    ";

	if (option->letter)
		snprintf(letter, sizeof(letter), "-%c, ", option->letter);
	snprintf(left, sizeof(left), "%s--%s%s%s", letter, option->name,
	         option->argument ? " " : "", option->argument ? option->argument : "");
	if (strlen(left) > 22)
		printf(" %s %s\n", left, option->help);
	else
		printf(" %-22s %s\n", left, option->help);
}

static void help_synopsis(void)
{
	printf("Usage: alloctrace [OPTIONS] -- PROG [ARG...], or alloctrace [OPTIONS] -p PID\n");
	printf("       alloctrace COMMAND ...:");
	for (size_t i = 0; i < COMMANDS; i++)
		printf("%s %s", i ? "," : "", commands[i].name);
	putchar('\n');
}

static void help_named(void)
{
	const struct option *option;
	int column = printf("Seldom:");

	for (size_t group = 0, at = 0; (option = option_next(&group, &at));) {
		if (option->place != OPTION_NAMED)
			continue;
		if (column + 4 + (int)strlen(option->name) > SCREEN)
			column = printf("\n       ") - 1;
		column += printf(" --%s", option->name);
	}
	putchar('\n');
}

static void help_group(const struct option_group *group)
{
	bool titled = false;

	for (size_t i = 0; i < group->count; i++) {
		if (group->options[i].place != OPTION_LINE)
			continue;
		if (!titled)
			printf("%s:\n", group->title);
		titled = true;
		help_option(&group->options[i]);
	}
}

void usage_help(void)
{
	help_synopsis();
	for (size_t group = 0; group < option_group_count; group++)
		help_group(&option_groups[group]);
	help_named();
	puts("Exit status: PROG's; 125 alloctrace failed, 126, 127 PROG cannot run, 2 usage.");
	exit(0);
}

void usage_version(void)
{
	puts("alloctrace " VERSION);
	exit(0);
}

/* ---- man page ------------------------------------------------------------------- */

/* As running text: no character of it is roff's. */
static void man_text(const char *text)
{
	for (const char *at = text; *at; at++) {
		if (*at == '-' || *at == '\\')
			putchar('\\');
		putchar(*at);
	}
}

static void man_option(const struct option *option)
{
	printf(".TP\n");
	if (option->letter)
		printf("\\fB\\-%c\\fR, ", option->letter);
	printf("\\fB\\-\\-");
	man_text(option->name);
	printf("\\fR%s\\fI%s\\fR\n", option->argument ? " " : "",
	       option->argument ? option->argument : "");
	man_text(option->help);
	printf(".\n");
	if (!option->details)
		return;
	man_text(option->details);
	printf("\n");
}

static void man_command(const struct command *command)
{
	printf(".TP\n\\fBalloctrace %s\\fR ", command->name);
	man_text(command->arguments);
	printf("\n");
	man_text(command->help);
	printf(".\n");
	man_text(command->details);
	printf("\n");
}

static void man_table(const char *title, const struct status *list, size_t count)
{
	printf(".SH %s\n", title);
	for (size_t i = 0; i < count; i++) {
		printf(".TP\n.B ");
		man_text(list[i].number);
		printf("\n");
		man_text(list[i].meaning);
		printf(".\n");
	}
}

void usage_man(void)
{
	const struct option *option;

	printf(".TH ALLOCTRACE 1 \"\" \"alloctrace %s\"\n"
	       ".SH NAME\nalloctrace \\- trace a program's memory allocations from outside\n"
	       ".SH SYNOPSIS\n.B alloctrace\n[\\fIOPTIONS\\fR] \\-\\- \\fIPROG\\fR [\\fIARG\\fR...]\n"
	       ".br\n.B alloctrace\n[\\fIOPTIONS\\fR] \\fB\\-p\\fR \\fIPID\\fR\n"
	       ".br\n.B alloctrace\n\\fICOMMAND\\fR ...\n"
	       ".SH DESCRIPTION\n"
	       "Runs PROG, or attaches to the process PID, and says who holds its memory: at its\n"
	       "end, and whenever alloctrace gets SIGUSR1. PROG is traced with ptrace(2); it is not changed, and nothing is loaded\n"
	       "into it. Its standard streams are its own.\n"
	       ".SH OPTIONS\n", VERSION);
	for (size_t group = 0, at = 0; (option = option_next(&group, &at));)
		man_option(option);
	printf(".SH COMMANDS\n");
	for (size_t i = 0; i < COMMANDS; i++)
		man_command(&commands[i]);
	man_table("SIGNALS", signals, countof(signals));
	man_table("EXIT STATUS", statuses, countof(statuses));
	exit(0);
}

/* ---- completion ----------------------------------------------------------------- */

static void complete_choices(const struct option *option)
{
	printf("    --%s) COMPREPLY=($(compgen -W '", option->name);
	for (const char *const *choice = option->choices; *choice; choice++)
		printf("%s%s", choice == option->choices ? "" : " ", *choice);
	printf("' -- \"$word\")); return ;;\n");
}

/* --a|--b, those with a value: the word behind them is not completed as an option. */
static void complete_values(void)
{
	const struct option *option;
	const char *between = "    ";

	for (size_t group = 0, at = 0; (option = option_next(&group, &at));) {
		if (!option_takes_value(option) || option->choices || option->kind == OPTION_OUTPUT)
			continue;
		printf("%s--%s", between, option->name);
		between = "|";
	}
	printf(") return ;;\n");
}

void usage_completion(void)
{
	const struct option *option;

	printf("_alloctrace()\n{\n"
	       "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} i\n"
	       "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
	       "        [[ ${COMP_WORDS[i]} == -- ]] && { _command_offset $((i + 1)); return; }\n"
	       "    done\n"
	       "    case $before in\n");
	for (size_t group = 0, at = 0; (option = option_next(&group, &at));)
		if (option->choices)
			complete_choices(option);
	complete_values();
	printf("    -o|--output) COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n    esac\n"
	       "    if [[ $word == -* ]]; then\n        COMPREPLY=($(compgen -W '--");
	for (size_t group = 0, at = 0; (option = option_next(&group, &at));)
		if (option->place != OPTION_HIDDEN)
			printf(" --%s", option->name);
	printf("' -- \"$word\"))\n    else\n        COMPREPLY=($(compgen -c -- \"$word\"))\n"
	       "        ((COMP_CWORD > 1)) || COMPREPLY+=($(compgen -W '");
	for (size_t i = 0; i < COMMANDS; i++)
		printf("%s%s", i ? " " : "", commands[i].name);
	printf("' -- \"$word\"))\n"
	       "    fi\n}\ncomplete -F _alloctrace alloctrace\n");
	exit(0);
}
