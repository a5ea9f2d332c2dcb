#include <string.h>

#include "active.h"
#include "check.h"
#include "commands.h"
#include "ctl_client.h"
#include "differ.h"
#include "open_files.h"
#include "pairs.h"
#include "recorded.h"
#include "rescue.h"
#include "session.h"
#include "types.h"

/* argv's own strings lie in a row: the tracer overwrites them in its copy. The
 * environment behind them is left alone. */
static struct title title_of(char **argv)
{
	char *end = argv[0];

	for (int i = 0; argv[i]; i++)
		if (argv[i] == end)
			end += strlen(argv[i]) + 1;
	return (struct title){ argv[0], end - argv[0] };
}

static int (*const run[COMMANDS])(int argc, char **argv, struct title) = {
	[COMMAND_CHECK] = check_main,
	[COMMAND_RESCUE] = rescue_main,
	[COMMAND_CTL] = ctl_client_main,
	[COMMAND_REPORT] = report_main,
	[COMMAND_DIFF] = diff_main,
	[COMMAND_ACTIVE] = active_main,
	[COMMAND_PAIRS] = pairs_main,
};

int main(int argc, char **argv)
{
	enum command_id command = argc > 1 ? command_find(argv[1]) : COMMANDS;
	struct options options;

	open_files_take_closed();
	if (command < COMMANDS)
		return run[command](argc - 1, argv + 1, title_of(argv));
	options_parse(&options, argc, argv, "text:fd:2");
	return session_run(&options, title_of(argv));
}
