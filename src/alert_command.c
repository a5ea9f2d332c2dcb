#include "alert_command.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"

#define COMMANDS_MAX 8 /* at a time */

static struct command {
	pid_t pid; /* 0: none */
	int pidfd;
	struct polls *polls;
} commands[COMMANDS_MAX];

/* options: of waitpid(2). */
static void reap(struct command *command, int options)
{
	if (waitpid(command->pid, NULL, options) == 0)
		return;
	if (command->pidfd >= 0) {
		polls_drop(command->polls, command->pidfd);
		close(command->pidfd);
	}
	command->pid = 0;
}

static void ended(void *ctx, short revents)
{
	(void)revents;
	reap(ctx, 0);
}

static bool is_ours(const char *variable, const struct alert_value *values, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strncmp(variable, values[i].name, strlen(values[i].name)) == 0 &&
		    variable[strlen(values[i].name)] == '=')
			return true;
	return false;
}

static char *assignment(const struct alert_value *value)
{
	char *text = NULL;
	int len = value->text ? asprintf(&text, "%s=%s", value->name, value->text) :
	                        asprintf(&text, "%s=%" PRId64, value->name, value->number);

	return len < 0 ? NULL : text;
}

/* The first count of them are the caller's to free. */
static char **environment_of(const struct alert_value *values, size_t count)
{
	size_t size = count, total = 0;
	char **list;

	while (environ[total])
		total++;
	list = calloc(count + total + 1, sizeof(*list));
	for (size_t i = 0; list && i < count; i++)
		if (!(list[i] = assignment(&values[i])))
			list[i] = strdup("");
	for (size_t i = 0; list && i < total; i++)
		if (!is_ours(environ[i], values, count))
			list[size++] = environ[i];
	return list;
}

/* The target's standard streams are its own. 0 or an errno. */
static int spawn(pid_t *pid, const char *command, char **environment)
{
	char *const argv[] = { "sh", "-c", (char *)command, NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int error;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
	posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	error = posix_spawn(pid, "/bin/sh", &files, &attributes, argv, environment);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attributes);
	return error;
}

static bool start(struct command *command, const char *text, char **environment)
{
	static bool said;
	int error = environment ? spawn(&command->pid, text, environment) : ENOMEM;

	if (error == 0)
		return true;
	command->pid = 0;
	errno = error;
	if (!said)
		warn("cannot run the command for alerts:");
	said = true;
	return false;
}

bool alert_command_run(struct polls *polls, const char *text, const struct alert_value *values,
                       size_t count)
{
	struct command *command = commands;
	char **environment;
	bool started;

	while (command < commands + COMMANDS_MAX && command->pid)
		command++;
	if (command == commands + COMMANDS_MAX)
		return false;
	environment = environment_of(values, count);
	started = start(command, text, environment);
	for (size_t i = 0; environment && i < count; i++)
		free(environment[i]);
	free(environment);
	if (!started)
		return false;
	command->polls = polls;
	command->pidfd = (int)syscall(SYS_pidfd_open, command->pid, 0);
	if (command->pidfd >= 0 && !polls_add(polls, command->pidfd, POLLIN, ended, command)) {
		close(command->pidfd);
		command->pidfd = -1;
	}
	return true;
}

bool alert_command_any(void)
{
	bool any = false;

	for (struct command *command = commands; command < commands + COMMANDS_MAX; command++) {
		if (command->pid)
			reap(command, WNOHANG);
		any |= command->pid != 0;
	}
	return any;
}

void alert_command_end_all(void)
{
	for (struct command *command = commands; command < commands + COMMANDS_MAX; command++)
		if (command->pid)
			kill(command->pid, SIGTERM);
}
