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
		"stat, reset, mark, diff, dump, top, sites, site, set, stop and others.",
	},
};

enum command_id command_find(const char *word)
{
	int id = 0;

	while (id < COMMANDS && strcmp(commands[id].name, word) != 0)
		id++;
	return id;
}
