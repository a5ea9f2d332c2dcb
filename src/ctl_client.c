#include "ctl_client.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "control.h"
#include "ctl_commands.h"
#include "log.h"
#include "process.h"

static int pid_of(const char *text)
{
	char *end;
	long pid = strtol(text, &end, 10);

	if (*end || pid <= 0 || pid > INT_MAX)
		die(EXIT_USAGE, "%s: not a process's number; usage: alloctrace ctl PID COMMAND "
		    "[ARG...], alloctrace ctl help", text);
	return pid;
}

/* A path is meant from here, wherever the session is, and only what was said is a pattern. */
static char *from_here(const char *text, bool of_stream)
{
	char here[PATH_MAX], *whole = NULL;
	struct dest dest;
	size_t len;
	FILE *to;

	if (!dest_parse(&dest, text) || dest.kind == DEST_FD || dest.kind == DEST_TCP ||
	    dest.path[0] == '/' || !getcwd(here, sizeof(here)))
		return (char *)text;
	to = open_memstream(&whole, &len);
	if (!to)
		die(EXIT_OURS, "no memory");
	fprintf(to, "%.*s", (int)(dest.path - text), text);
	for (const char *at = here; *at; at++)
		fprintf(to, *at == '%' && (of_stream || dest.kind == DEST_FILE) ? "%%%%" : "%c", *at);
	fprintf(to, "/%s", dest.path);
	if (fclose(to) != 0)
		die(EXIT_OURS, "no memory");
	return whole;
}

static void place_paths(int count, char **words)
{
	bool is_dump = strcmp(words[0], "dump") == 0;
	bool is_log = strcmp(words[0], "log") == 0 && count > 2 && strcmp(words[1], "to") == 0;

	if (is_dump && count > 1)
		words[1] = from_here(words[1], false);
	else if (is_log)
		words[2] = from_here(words[2], true);
}

static int connect_to(int pid, pid_t *session)
{
	int fd;

	*session = control_session_of(pid);
	if (!*session && !process_of(pid).pid)
		die(EXIT_OURS, "%d: no such process", pid);
	if (!*session)
		die(EXIT_OURS, "%d: no session with a control socket is this process, or traces it",
		    pid);
	fd = control_connect(*session);
	if (fd < 0 && errno == EPROTO)
		die(EXIT_OURS, "%d: the session is of another version of alloctrace", *session);
	if (fd < 0 && errno == ECONNREFUSED)
		die(EXIT_OURS, "%d: the session was killed: its control socket is left", *session);
	if (fd < 0)
		die(EXIT_OURS, "%d: cannot talk to the session:", *session);
	return fd;
}

/* What went wrong is the session's sentence, in a line of ours. */
static int tell(int errors, enum control_status status)
{
	char text[1024];
	ssize_t len = pread(errors, text, sizeof(text) - 1, 0);

	text[len > 0 ? len : 0] = 0;
	text[strcspn(text, "\n")] = 0;
	warn("%s", *text ? text : "the session has no answer to this");
	return status == CONTROL_USAGE ? EXIT_USAGE : EXIT_OURS;
}

static void write_out(int answer)
{
	char bytes[1 << 16];
	off_t at = 0;
	ssize_t len, n;

	while ((len = pread(answer, bytes, sizeof(bytes), at)) > 0) {
		n = write(STDOUT_FILENO, bytes, len);
		if (n < 0 && errno != EINTR)
			die(EXIT_OURS, "cannot write the answer:");
		at += n > 0 ? n : 0;
	}
}

/* All of it is taken, and the session has done with us, before any is written: our reader may take
 * more time than the session gives. */
static int ask(int fd, const char *line)
{
	int answer = memfd_create("answer", MFD_CLOEXEC);
	int errors = memfd_create("errors", MFD_CLOEXEC);
	enum control_status status = CONTROL_STATUSES;

	if (control_ask(fd, line, answer, errors, &status) < 0) {
		if (errno != ECONNRESET)
			die(EXIT_OURS, "cannot get an answer:");
		die(EXIT_OURS, status == CONTROL_STATUSES ?
		                       "the session has ended before it had answered" :
		                       "the answer broke off");
	}
	close(fd);
	write_out(answer);
	return status == CONTROL_OK ? EXIT_SUCCESS : tell(errors, status);
}

int ctl_client_main(int argc, char **argv, struct title title)
{
	char line[CONTROL_LINE];
	pid_t session;
	int pid, fd;

	(void)title;
	if (argc == 2 && (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0)) {
		ctl_commands_list(stdout);
		return EXIT_SUCCESS;
	}
	if (argc < 3)
		die(EXIT_USAGE, "ctl wants a process's number and a command; usage: alloctrace ctl "
		    "PID COMMAND [ARG...], alloctrace ctl help");
	pid = pid_of(argv[1]);
	place_paths(argc - 2, argv + 2);
	fd = connect_to(pid, &session);
	if (!control_write_line(line, pid == session ? 0 : process_of(pid).pid, argc - 2, argv + 2))
		die(EXIT_USAGE, "the command is too long");
	return ask(fd, line);
}
