/* Where reports go: what -o means, and what is then written where. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "dest.h"

static char folder[] = "/tmp/test_dest.XXXXXX";
static int home; /* the folder we came from */

/* ---- parsing ------------------------------------------------------------------- */

static void every_form_of_destination(void **state)
{
	static const struct {
		const char *text, *format;
		enum dest_kind kind;
		const char *path;
		int fd;
	} rows[] = {
		{ "-", "text", DEST_FD, NULL, 1 },
		{ "text:-", "text", DEST_FD, NULL, 1 },
		{ "json:-", "json", DEST_FD, NULL, 1 },
		{ "fd:0", "text", DEST_FD, NULL, 0 },
		{ "fd:17", "text", DEST_FD, NULL, 17 },
		{ "json:fd:2", "json", DEST_FD, NULL, 2 },
		{ "json:fd:2147483647", "json", DEST_FD, NULL, 2147483647 },
		{ "pipe:/run/p", "text", DEST_PIPE, "/run/p", 0 },
		{ "json:pipe:p", "json", DEST_PIPE, "p", 0 },
		{ "tcp:localhost:80", "text", DEST_TCP, "localhost:80", 0 },
		{ "json:tcp:[::1]:80", "json", DEST_TCP, "[::1]:80", 0 },
		{ "unix:/run/s", "text", DEST_UNIX, "/run/s", 0 },
		{ "json:unix:s", "json", DEST_UNIX, "s", 0 },
		{ "x", "text", DEST_FILE, "x", 0 },
		{ "x.txt", "text", DEST_FILE, "x.txt", 0 },
		{ "x.json", "json", DEST_FILE, "x.json", 0 },
		{ "x.d/y.json", "json", DEST_FILE, "x.d/y.json", 0 },
		{ "x.json/y", "text", DEST_FILE, "x.json/y", 0 },
		{ "text:x.json", "text", DEST_FILE, "x.json", 0 },
		{ "json:x.txt", "json", DEST_FILE, "x.txt", 0 },
		{ "json:x", "json", DEST_FILE, "x", 0 },
		{ "json:text:x", "json", DEST_FILE, "text:x", 0 }, /* one format only */
		{ "%p-%n-%t.json", "json", DEST_FILE, "%p-%n-%t.json", 0 },
		{ "nosuch:x", "text", DEST_FILE, "nosuch:x", 0 },
		{ "nosuch:x.json", "json", DEST_FILE, "nosuch:x.json", 0 },
		{ "jso:x", "text", DEST_FILE, "jso:x", 0 },
		{ "JSON:x", "text", DEST_FILE, "JSON:x", 0 },
		{ ":x", "text", DEST_FILE, ":x", 0 },
		{ "json", "text", DEST_FILE, "json", 0 },
		{ "./-", "text", DEST_FILE, "./-", 0 },
		{ "--", "text", DEST_FILE, "--", 0 },
		{ "./fd:1", "text", DEST_FILE, "./fd:1", 0 },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct dest dest;

		if (!dest_parse(&dest, rows[i].text))
			fail_msg("%s: not well-formed", rows[i].text);
		assert_string_equal(dest.output->name, rows[i].format);
		assert_int_equal(dest.kind, rows[i].kind);
		if (rows[i].path)
			assert_string_equal(dest.path, rows[i].path);
		else
			assert_int_equal(dest.fd, rows[i].fd);
	}
}

static void streams_are_named_or_inferred(void **state)
{
	static const struct {
		const char *text, *format, *path;
	} rows[] = {
		{ "mtrace:x", "mtrace", "x" },          { "mlog:x.json", "mlog", "x.json" },
		{ "mlog1:fd:3", "mlog1", NULL },        { "csv-orphan:x.csv", "csv-orphan", "x.csv" },
		{ "jsonl:tcp:h:1", "jsonl", "h:1" },    { "x.jsonl", "jsonl", "x.jsonl" },
		{ "x.mtrace", "mtrace", "x.mtrace" },   { "unix:x.mlog", "mlog", "x.mlog" },
		{ "x.mlog1", "mlog1", "x.mlog1" },
	};
	struct dest dest;

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		assert_true(dest_parse(&dest, rows[i].text));
		assert_null(dest.output);
		assert_string_equal(dest.stream->name, rows[i].format);
		if (rows[i].path)
			assert_string_equal(dest.path, rows[i].path);
	}
	assert_true(dest_parse(&dest, "text:x.jsonl"));
	assert_null(dest.stream);
}

static void what_is_no_destination(void **state)
{
	static const char *const rows[] = { "", "json:", "text:", "fd:", "fd:x", "fd:1x", "fd:-1",
					    "json:fd:", "fd:2147483648", "fd:4294967297",
					    "fd:99999999999999999999", "pipe:", "tcp:", "unix:",
					    "json:unix:" };
	struct dest dest;

	(void)state;
	for (size_t i = 0; i < countof(rows); i++)
		if (dest_parse(&dest, rows[i]))
			fail_msg("%s: well-formed", rows[i]);
}

static int check(const char *text)
{
	struct dest dest;

	assert_true(dest_parse(&dest, text));
	return dest_check(&dest);
}

static void what_can_be_written_is_told_beforehand(void **state)
{
	char long_name[5000];

	(void)state;
	assert_int_equal(check("x"), 0);
	assert_int_equal(check("./x.json"), 0);
	assert_int_equal(check("%p.%n.%t"), 0);
	assert_int_equal(check("fd:2"), 0);
	assert_int_equal(check("fd:1000000"), -EBADF);
	assert_int_equal(check("nosuch/x"), -ENOENT);
	assert_int_equal(check("."), -EISDIR);
	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	assert_int_equal(check(long_name), -ENAMETOOLONG);
}

/* ---- writing -------------------------------------------------------------------- */

static void write_stub(FILE *out, const struct report *report)
{
	fprintf(out, "%s %d%s%s", report->reason, report->pid, report->one_line ? " line" : "",
		report->colour ? " colour" : "");
}

static const struct output stub = { "stub", ".stub", write_stub, NULL, false };

/* Writes "REASON 42" there, as the report with that number. */
static int write_report(const char *text, struct report report, unsigned number)
{
	struct dest dest;

	assert_true(dest_parse(&dest, text));
	dest.output = &stub;
	return dest_write(&dest, &report, number);
}

static int write_as(const char *text, const char *reason, unsigned number)
{
	return write_report(text, (struct report){ .reason = reason, .pid = 42 }, number);
}

static char *contents(const char *name)
{
	static char text[500];
	FILE *file = fopen(name, "r");
	size_t len;

	if (!file)
		fail_msg("%s: %s", name, strerror(errno));
	len = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[len] = '\0';
	return text;
}

static void expect_nothing_else(void)
{
	FILE *list = popen("ls -A", "r");
	char name[256];
	bool any = fgets(name, sizeof(name), list);

	pclose(list);
	if (any)
		fail_msg("left over: %s", name);
}

static void expect_file(const char *name, const char *text)
{
	assert_string_equal(contents(name), text);
	assert_int_equal(unlink(name), 0);
}

static void files_are_named_after_the_dump(void **state)
{
	static const struct {
		const char *path;
		unsigned number;
		const char *name;
	} rows[] = {
		{ "x", 0, "x" },
		{ "x", 3, "x.3" },
		{ "x.json", 0, "x.json" },
		{ "x.json", 1, "x.1.json" },
		{ "x.json", 12, "x.12.json" },
		{ "x.tar.json", 1, "x.tar.1.json" },
		{ "./x", 1, "./x.1" },
		{ "./x.txt", 1, "./x.1.txt" },
		{ ".x", 1, ".x.1" },
		{ ".hidden", 1, ".hidden.1" },
		{ "./.x", 1, "./.x.1" },
		{ ".x.json", 1, ".x.1.json" },
		{ "x.", 1, "x.1." },
		{ "%p", 0, "42" },
		{ "%p.json", 2, "42.2.json" },
		{ "%p-%p", 0, "42-42" },
		{ "x%n", 0, "x0" },
		{ "x%n", 7, "x7" },
		{ "x%n.json", 7, "x7.json" },
		{ "%n%n.%p", 7, "77.42" },
		{ "%%n", 7, "%n.7" },
		{ "%%%n%%", 7, "%7%" },
		{ "100%%.json", 7, "100%.7.json" },
		{ "x%", 0, "x%" },
		{ "100%x", 0, "100%x" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		assert_int_equal(write_as(rows[i].path, "dump", rows[i].number), 0);
		expect_file(rows[i].name, "dump 42");
		expect_nothing_else();
	}
}

static void files_are_named_after_the_child(void **state)
{
	static const struct {
		const char *path;
		unsigned number;
		const char *name;
	} rows[] = {
		{ "x", 0, "x.42" },
		{ "x", 3, "x.42.3" },
		{ "x.json", 0, "x.42.json" },
		{ "x.json", 12, "x.42.12.json" },
		{ ".x", 1, ".x.42.1" },
		{ "%p", 0, "42" },
		{ "%p.json", 2, "42.2.json" },
		{ "x%n.json", 7, "x7.42.json" },
		{ "%n.%p", 7, "7.42" },
		{ "%%p", 0, "%p.42" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		const struct report report = { .reason = "dump", .pid = 42, .child = true };

		assert_int_equal(write_report(rows[i].path, report, rows[i].number), 0);
		expect_file(rows[i].name, "dump 42");
		expect_nothing_else();
	}
}

static void dot_of_a_folder_begins_no_ending(void **state)
{
	(void)state;
	assert_int_equal(mkdir("sub.d", 0700), 0);
	assert_int_equal(write_as("sub.d/x", "dump", 2), 0);
	expect_file("sub.d/x.2", "dump 42");
	assert_int_equal(rmdir("sub.d"), 0);
	expect_nothing_else();
}

static void time_now(char text[16])
{
	time_t now = time(NULL);

	assert_int_equal(strftime(text, 16, "%Y%m%d-%H%M%S", localtime(&now)), 15);
}

static void time_is_in_the_name(void **state)
{
	char before[16], after[16], name[32] = "";
	FILE *list;

	(void)state;
	time_now(before);
	assert_int_equal(write_as("a-%t.json", "dump", 3), 0);
	time_now(after);
	list = popen("ls -A", "r");
	assert_non_null(fgets(name, sizeof(name), list));
	pclose(list);
	name[strcspn(name, "\n")] = '\0';
	assert_int_equal(strlen(name), strlen("a-20260102-030405.3.json"));
	assert_memory_equal(name, "a-", 2);
	assert_string_equal(name + 17, ".3.json");
	assert_true(strncmp(name + 2, before, 15) >= 0 && strncmp(name + 2, after, 15) <= 0);
	expect_file(name, "dump 42");
	expect_nothing_else();
}

static void file_that_is_there_is_replaced_whole(void **state)
{
	struct stat old, new;
	int fd;

	(void)state;
	assert_int_equal(write_as("x", "a longer reason", 0), 0);
	fd = open("x", O_RDONLY);
	assert_int_equal(write_as("x", "exit", 0), 0);
	assert_int_equal(fstat(fd, &old), 0);
	close(fd);
	assert_int_equal(stat("x", &new), 0);
	assert_int_equal(old.st_nlink, 0);
	assert_int_equal(old.st_size, strlen("a longer reason 42"));
	expect_file("x", "exit 42");
	expect_nothing_else();
}

static int say_nothing(void)
{
	int was = dup(STDERR_FILENO), fd = open("said", O_RDWR | O_CREAT | O_TRUNC, 0600);

	dup2(fd, STDERR_FILENO);
	close(fd);
	return was;
}

/* What was said since say_nothing. */
static const char *said(int was)
{
	const char *text = contents("said");

	dup2(was, STDERR_FILENO);
	close(was);
	unlink("said");
	return text;
}

static void expect_failure(const char *dest, const char *name, int error)
{
	int was = say_nothing(), got = write_as(dest, "exit", 0);
	const char *text = said(was);
	char expected[200];

	snprintf(expected, sizeof(expected), "alloctrace: cannot write the report to %s: %s\n",
		 name, strerror(error));
	assert_int_equal(got, -error);
	assert_string_equal(text, expected);
	expect_nothing_else();
}

static void failures_are_said(void **state)
{
	(void)state;
	expect_failure("nosuch/x", "nosuch/x", ENOENT);
	expect_failure("nosuch/%p.json", "nosuch/42.json", ENOENT);
	expect_failure("/dev/full", "/dev/full", ENOSPC);
	expect_failure("fd:1000000", "descriptor 1000000", EBADF);
	expect_failure("pipe:nosuch", "nosuch", ENOENT);
	expect_failure("pipe:/dev/null", "/dev/null", ENOSTR);
	expect_failure("unix:nosuch", "nosuch", ENOENT);
}

static int fails_half_way(void)
{
	const struct rlimit limit = { 3, 3 };

	signal(SIGXFSZ, SIG_IGN);
	close(STDERR_FILENO);
	setrlimit(RLIMIT_FSIZE, &limit);
	return write_as("x", "a new reason", 0) == -EFBIG ? 0 : 1;
}

static void file_appears_whole_or_not_at_all(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	for (int round = 0; round < 2; round++) {
		fflush(NULL);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			_exit(fails_half_way());
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		if (round == 0)
			expect_nothing_else();
		else
			expect_file("x", "exit 42");
		assert_int_equal(write_as("x", "exit", 0), 0);
	}
	assert_int_equal(unlink("x"), 0);
	expect_nothing_else();
}

static void special_file_is_written_as_it_stands(void **state)
{
	struct stat stat_;

	(void)state;
	assert_int_equal(symlink("/dev/null", "x"), 0);
	assert_int_equal(write_as("x", "exit", 0), 0);
	assert_int_equal(lstat("x", &stat_), 0);
	assert_true(S_ISLNK(stat_.st_mode));
	assert_int_equal(unlink("x"), 0);
	expect_nothing_else();
}

static void expect_from(int fd, const char *expected)
{
	char text[100];
	ssize_t len = read(fd, text, sizeof(text) - 1);

	assert_true(len >= 0);
	text[len] = '\0';
	assert_string_equal(text, expected);
}

static void descriptor_stays_open(void **state)
{
	char dest[32];
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	snprintf(dest, sizeof(dest), "fd:%d", ends[1]);
	for (unsigned number = 1; number < 4; number++) {
		assert_int_equal(write_as(dest, "dump", number), 0);
		expect_from(ends[0], "dump 42 line");
	}
	close(ends[1]);
	expect_from(ends[0], "");
	close(ends[0]);
}

static void pipe_is_opened_for_each_report(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(mkfifo("p", 0600), 0);
	fd = open("p", O_RDWR);
	for (unsigned number = 0; number < 3; number++) {
		assert_int_equal(write_as("pipe:p", "dump", number), 0);
		expect_from(fd, "dump 42 line");
	}
	close(fd);
	assert_int_equal(unlink("p"), 0);
	expect_nothing_else();
}

static void expect_connection(int server, const char *expected)
{
	int fd = accept(server, NULL, NULL);

	assert_true(fd >= 0);
	expect_from(fd, expected);
	expect_from(fd, ""); /* and then closed */
	close(fd);
}

static void unix_socket(void **state)
{
	struct sockaddr_un addr = { AF_UNIX, "s" };
	int server = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	assert_int_equal(bind(server, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(server, 4), 0);
	assert_int_equal(write_as("unix:s", "dump", 1), 0);
	expect_connection(server, "dump 42 line");
	assert_int_equal(write_as("unix:s", "exit", 0), 0);
	expect_connection(server, "exit 42 line");
	close(server);
	assert_int_equal(unlink("s"), 0);
	expect_nothing_else();
}

static void tcp_socket(void **state)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int server = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(addr);
	char dest[40];

	(void)state;
	assert_int_equal(bind(server, (struct sockaddr *)&addr, len), 0);
	assert_int_equal(listen(server, 4), 0);
	assert_int_equal(getsockname(server, (struct sockaddr *)&addr, &len), 0);
	snprintf(dest, sizeof(dest), "tcp:127.0.0.1:%d", ntohs(addr.sin_port));
	assert_int_equal(write_as(dest, "exit", 0), 0);
	expect_connection(server, "exit 42 line");
	snprintf(dest, sizeof(dest), "tcp:[127.0.0.1]:%d", ntohs(addr.sin_port));
	assert_int_equal(write_as(dest, "dump", 1), 0);
	expect_connection(server, "dump 42 line");
	close(server);
}

static void through_terminal(int terminal, int master, const char *expected)
{
	char dest[32];

	snprintf(dest, sizeof(dest), "fd:%d", terminal);
	assert_int_equal(write_as(dest, "exit", 0), 0);
	expect_from(master, expected);
}

static void colour_is_for_terminals_that_want_it(void **state)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), terminal;

	(void)state;
	assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	terminal = open(ptsname(master), O_RDWR | O_NOCTTY);
	assert_true(terminal >= 0);
	unsetenv("NO_COLOR");
	setenv("TERM", "xterm", 1);
	through_terminal(terminal, master, "exit 42 line colour");
	setenv("NO_COLOR", "1", 1);
	through_terminal(terminal, master, "exit 42 line");
	unsetenv("NO_COLOR");
	setenv("TERM", "dumb", 1);
	through_terminal(terminal, master, "exit 42 line");
	unsetenv("TERM");
	through_terminal(terminal, master, "exit 42 line");
	close(terminal);
	close(master);
}

static void no_descriptor_is_left_open(void **state)
{
	int before = dup(STDIN_FILENO), after, was = say_nothing();

	(void)state;
	close(before);
	write_as("x", "exit", 0);
	write_as("fd:1000000", "exit", 0);
	write_as("nosuch/x", "exit", 0);
	write_as("unix:nosuch", "exit", 0);
	write_as("/dev/full", "exit", 0);
	said(was);
	after = dup(STDIN_FILENO);
	close(after);
	assert_int_equal(after, before);
	assert_int_equal(unlink("x"), 0);
	expect_nothing_else();
}

static int enter_folder(void **state)
{
	(void)state;
	home = open(".", O_RDONLY | O_DIRECTORY);
	return mkdtemp(folder) ? chdir(folder) : -1;
}

static int leave_folder(void **state)
{
	char command[100];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return fchdir(home) || close(home) || system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form_of_destination),
		cmocka_unit_test(streams_are_named_or_inferred),
		cmocka_unit_test(what_is_no_destination),
		cmocka_unit_test(what_can_be_written_is_told_beforehand),
		cmocka_unit_test(files_are_named_after_the_dump),
		cmocka_unit_test(files_are_named_after_the_child),
		cmocka_unit_test(dot_of_a_folder_begins_no_ending),
		cmocka_unit_test(time_is_in_the_name),
		cmocka_unit_test(file_that_is_there_is_replaced_whole),
		cmocka_unit_test(failures_are_said),
		cmocka_unit_test(file_appears_whole_or_not_at_all),
		cmocka_unit_test(special_file_is_written_as_it_stands),
		cmocka_unit_test(descriptor_stays_open),
		cmocka_unit_test(pipe_is_opened_for_each_report),
		cmocka_unit_test(unix_socket),
		cmocka_unit_test(tcp_socket),
		cmocka_unit_test(colour_is_for_terminals_that_want_it),
		cmocka_unit_test(no_descriptor_is_left_open),
	};

	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
