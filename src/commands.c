#include "commands.h"

#include <string.h>

const struct command commands[COMMANDS] = {
	[COMMAND_CHECK] = {
		"check", "-p PID",
		"looks at a process for a second before it is traced",
		"May it be attached to, and if not why; which allocator functions were found and "
		"by which symbol table; how often they are called; what tracing them costs. It is "
		"attached to meanwhile and let go. --duration changes the second, -o json:DEST "
		"tells it to a script.",
	},
	[COMMAND_RESCUE] = {
		"rescue", "PID",
		"puts back the bytes that a killed session has left in a process",
		"Needed only after alloctrace and its tracer were killed with SIGKILL at once, and "
		"possible until the process meets the first trap.",
	},
	[COMMAND_CTL] = {
		"ctl", "PID ...",
		"asks a session that runs, or changes it",
		"What is to be done is said by a command and its arguments behind PID, which is the "
		"session's or that of a process it traces. alloctrace ctl help lists the commands: "
		"stat, reset, mark, diff, dump, top, sites, site, set, off, on, stop and others.",
	},
	[COMMAND_REPORT] = {
		"report", "FILE",
		"the reports of a recording that --record has made",
		"The last one of each process, or those at the moment of --at; all options that say "
		"what to show and where hold. Without -o the text goes to standard output.",
	},
	[COMMAND_DIFF] = {
		"diff", "A B",
		"what grew from one recording or JSON report to another, site by site",
		"Sites are known again by their stacks, what grew most comes first; --match, --hide "
		"and --top say which are shown. A first --at is a moment of A, a second one of B. "
		"Text or json.",
	},
	[COMMAND_ACTIVE] = {
		"active", "FILE",
		"what is live at the end of a recording or of an mtrace log",
		"Lines of blocks and mappings by address: FUNCTION: ADDRESS SIZE LIBRARY SYMBOL "
		"CALLER, and the process where there are several. Of a recording --at is another "
		"moment. A log tells neither of an exec nor what a child has from its parent.",
	},
	[COMMAND_PAIRS] = {
		"pairs", "IN",
		"a csv-orphan file without the rows of blocks that were freed later",
		"Of an allocation and the free of its address behind it, by the same process, neither "
		"is written to -o; all other rows are left as they are.",
	},
};

enum command_id command_find(const char *word)
{
	int id = 0;

	while (id < COMMANDS && strcmp(commands[id].name, word) != 0)
		id++;
	return id;
}
