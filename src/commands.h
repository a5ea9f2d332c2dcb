/* What alloctrace does besides tracing: the first word of its command line. */
#ifndef COMMANDS_H
#define COMMANDS_H

enum command_id {
	COMMAND_CHECK, COMMAND_RESCUE, COMMAND_CTL, COMMAND_REPORT, COMMAND_DIFF, COMMAND_ACTIVE,
	COMMAND_PAIRS, COMMANDS
};

struct command {
	const char *name;
	const char *arguments;
	const char *help;    /* one line of the manual page */
	const char *details; /* more for it */
};

extern const struct command commands[COMMANDS];
enum command_id command_find(const char *word); /* COMMANDS: none of them */

#endif
