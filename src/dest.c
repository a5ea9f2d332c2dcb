#include "dest.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "open_files.h"
#include "shortage.h"
#include "socket.h"

static const struct {
	const char *prefix;
	enum dest_kind kind;
} kinds[] = { { "fd:", DEST_FD }, { "pipe:", DEST_PIPE }, { "tcp:", DEST_TCP },
	      { "unix:", DEST_UNIX } };

static bool parse_fd(const char *text, int *fd)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long number;

	errno = 0;
	number = strtoul(text, NULL, 10);
	*fd = number;
	return digits && !text[digits] && !errno && number <= INT_MAX;
}

/* Or a service's name. */
static bool is_port(const char *text)
{
	unsigned long number = strtoul(text, NULL, 10);

	return *text && (text[strspn(text, "0123456789")] || (number > 0 && number <= UINT16_MAX));
}

/* Now, before it is the number of a file of ours. */
static bool is_closed(int fd)
{
	return open_files_was_taken(fd) || fcntl(fd, F_GETFD) < 0;
}

static bool is_well_formed(struct dest *dest)
{
	const char *colon = strrchr(dest->path, ':');

	switch (dest->kind) {
	case DEST_FD:
		return strcmp(dest->path, "-") == 0 || parse_fd(dest->path, &dest->fd);
	case DEST_TCP:
		return colon && colon != dest->path && is_port(colon + 1);
	default:
		return *dest->path;
	}
}

bool dest_parse(struct dest *dest, const char *text)
{
	const char *colon = strchr(text, ':');

	*dest = (struct dest){ .kind = DEST_FILE, .fd = STDOUT_FILENO };
	dest->output = colon ? output_by_name(text, colon - text) : NULL;
	dest->stream = colon ? stream_by_name(text, colon - text) : NULL;
	dest->sql = colon ? sql_by_name(text, colon - text) : NULL;
	if (dest->output || dest->stream || dest->sql)
		text = colon + 1;
	dest->path = text;
	if (strcmp(text, "-") == 0)
		dest->kind = DEST_FD;
	for (size_t i = 0; i < countof(kinds); i++) {
		size_t len = strlen(kinds[i].prefix);

		if (strncmp(text, kinds[i].prefix, len) != 0)
			continue;
		dest->kind = kinds[i].kind;
		dest->path = text + len;
	}
	if (!dest->output && !dest->stream && !dest->sql)
		dest->stream = stream_by_path(dest->path);
	if (!dest->output && !dest->stream && !dest->sql && dest->kind == DEST_FILE)
		dest->sql = sql_by_path(dest->path);
	if (!dest->output && !dest->stream && !dest->sql)
		dest->output = output_by_path(dest->path);
	if (!dest->output && !dest->stream && !dest->sql)
		dest->output = output_by_name("text", 4);
	if (!is_well_formed(dest))
		return false;
	dest->closed = dest->kind == DEST_FD && is_closed(dest->fd);
	return true;
}

/* /dev/stdout, which leads to whatever it is: to be followed, and never replaced. */
static bool is_link_of_system(const char *name)
{
	struct stat stat_;

	return (strncmp(name, "/dev/", 5) == 0 || strncmp(name, "/proc/", 6) == 0) &&
	       lstat(name, &stat_) == 0 && S_ISLNK(stat_.st_mode);
}

/* Something that is no plain file (/dev/full, a fifo) is written as it stands. */
static bool is_special(const char *name)
{
	struct stat stat_;

	if (is_link_of_system(name))
		return true;
	return stat(name, &stat_) == 0 && !S_ISREG(stat_.st_mode);
}

static int check_fd(const struct dest *dest)
{
	int flags = fcntl(dest->fd, F_GETFL);

	return dest->closed || flags < 0 || (flags & O_ACCMODE) == O_RDONLY ? -EBADF : 0;
}

static int check_file(const char *name)
{
	char path[PATH_MAX], *folder;
	struct stat stat_;
	size_t len = strlen(name);
	int error;

	if (len >= sizeof(path))
		return -ENAMETOOLONG;
	if (name[len - 1] == '/' || (stat(name, &stat_) == 0 && S_ISDIR(stat_.st_mode)))
		return -EISDIR;
	error = access(name, W_OK) < 0 ? -errno : 0;
	if (!error || is_special(name))
		return error;
	strcpy(path, name);
	folder = dirname(path);
	if (stat(folder, &stat_) < 0)
		return -errno;
	if (!S_ISDIR(stat_.st_mode))
		return -ENOTDIR;
	if (error == -EACCES && stat_.st_mode & S_ISVTX)
		return error; /* another user's, which cannot be replaced */
	return access(folder, W_OK | X_OK) < 0 ? -errno : 0;
}

static int check_named(const char *path)
{
	char *name = dest_stream_path(path, getpid());
	int error = name ? check_file(name) : -ENOMEM;

	free(name);
	return error;
}

int dest_check(const struct dest *dest)
{
	switch (dest->kind) {
	case DEST_FD:
		return check_fd(dest);
	case DEST_FILE:
		return check_named(dest->path);
	default:
		return 0;
	}
}

int dest_open_fifo(const char *path, int flags)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | flags);
	struct stat stat_;

	if (fd < 0 || (fstat(fd, &stat_) == 0 && S_ISFIFO(stat_.st_mode)))
		return fd;
	close(fd);
	errno = ENOSTR;
	return -1;
}

bool dest_has_reader(const struct dest *dest)
{
	struct stat stat_;

	if (dest->kind == DEST_FD)
		return fstat(dest->fd, &stat_) == 0 && !S_ISREG(stat_.st_mode);
	return dest->kind != DEST_FILE || is_special(dest->path);
}

/* ---- file names ----------------------------------------------------------------- */

static void put_time(FILE *to)
{
	time_t now = time(NULL);
	struct tm tm;
	char text[32];

	if (localtime_r(&now, &tm) && strftime(text, sizeof(text), "%Y%m%d-%H%M%S", &tm))
		fputs(text, to);
}

/* What tells a report from others: a child's process, a dump's number. */
static void put_apart(FILE *to, int child, unsigned number)
{
	if (child)
		fprintf(to, ".%d", child);
	if (number)
		fprintf(to, ".%u", number);
}

bool dest_has(const char *path, char what)
{
	for (; *path; path++)
		if (*path == '%' && path[1] && *++path == what)
			return true;
	return false;
}

/* The path with its %p, %n and %t, and % for %%; a child's number and a dump's otherwise go before
 * the ending. The caller frees. */
static char *file_name(const char *path, const struct report *report, unsigned number)
{
	const char *base = strrchr(path, '/'), *dot = strrchr(base ? base : path, '.');
	unsigned apart = dest_has(path, 'n') ? 0 : number;
	int child = report->child && !dest_has(path, 'p') ? report->pid : 0;
	char *name = NULL;
	size_t len;
	FILE *to = open_memstream(&name, &len);

	if (!to)
		return NULL;
	if (dot == path || (dot && dot[-1] == '/'))
		dot = NULL; /* a hidden file's dot begins no ending */
	for (const char *at = path; *at; at++) {
		if (at == dot)
			put_apart(to, child, apart);
		if (at[0] == '%' && at[1] == 'p')
			fprintf(to, "%d", report->pid), at++;
		else if (at[0] == '%' && at[1] == 'n')
			fprintf(to, "%u", number), at++;
		else if (at[0] == '%' && at[1] == 't')
			put_time(to), at++;
		else
			putc(*at, to), at += at[0] == '%' && at[1] == '%';
	}
	if (!dot)
		put_apart(to, child, apart);
	if (shortage_close(to))
		return name;
	free(name);
	return NULL;
}

char *dest_stream_path(const char *path, int pid)
{
	const struct report report = { .pid = pid };

	return file_name(path, &report, 0);
}

/* ---- writing -------------------------------------------------------------------- */

static bool is_terminal(int fd)
{
	const char *term = getenv("TERM");

	return isatty(fd) && !getenv("NO_COLOR") && term && strcmp(term, "dumb") != 0;
}

static int write_stream(FILE *file, const struct dest *dest, struct report *report)
{
	unsigned long shortages = shortage_count();
	int error = 0;

	if (!file)
		return -errno;
	errno = 0;
	report->colour = is_terminal(fileno(file));
	dest->output->write(file, report);
	if (fflush(file) != 0 || ferror(file))
		error = errno ? -errno : -EIO;
	if (!error && (dest->kind == DEST_TCP || dest->kind == DEST_UNIX))
		error = socket_finish(fileno(file), dest->path);
	if (fclose(file) != 0 && !error)
		error = -errno;
	if (!error && shortage_count() > shortages)
		error = -ENOMEM;
	return error;
}

/* fd: the report's own, or -1 with errno. */
static int write_to(int fd, const struct dest *dest, struct report *report)
{
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
	int error = errno;

	if (!file && fd >= 0)
		close(fd);
	errno = error;
	report->one_line = true;
	return write_stream(file, dest, report);
}

static int write_beside(const char *beside, FILE *file, const char *name, const struct dest *dest,
                        struct report *report)
{
	int error = write_stream(file, dest, report);

	/* what memory sufficed for is better than nothing */
	if ((!error || error == -ENOMEM) && rename(beside, name) == 0)
		return error;
	unlink(beside);
	/* it is mounted on, or its folder is sticky */
	return error ? error : write_stream(fopen(name, "we"), dest, report);
}

/* In place where there cannot be another file beside it: the folder is closed, the name long. */
static int write_file(const char *name, const struct dest *dest, struct report *report)
{
	char *beside = NULL;
	FILE *file;
	int error;

	report->one_line = false;
	if (is_special(name))
		return write_stream(fopen(name, "we"), dest, report);
	if (asprintf(&beside, "%s.tmp%d", name, (int)getpid()) < 0)
		return -ENOMEM;
	file = fopen(beside, "we");
	error = file ? write_beside(beside, file, name, dest, report) :
	               write_stream(fopen(name, "we"), dest, report);
	free(beside);
	return error;
}

void dest_tell(const struct dest *dest, const struct report *report, const struct heap_error *error)
{
	struct pollfd to = { dest->fd, POLLOUT, 0 };
	struct report of = *report;
	FILE *file;
	int fd;

	if (dest->kind != DEST_FD || !dest->output->tell || poll(&to, 1, 0) == 0)
		return;
	fd = fcntl(dest->fd, F_DUPFD_CLOEXEC, 3);
	file = fd < 0 ? NULL : fdopen(fd, "w");
	if (!file && fd >= 0)
		close(fd);
	if (!file)
		return;
	of.colour = is_terminal(fd);
	dest->output->tell(file, &of, error);
	fclose(file);
}

int dest_write(const struct dest *dest, struct report *report, unsigned number)
{
	char *name = NULL;
	int error = 0;

	switch (dest->kind) {
	case DEST_FD:
		error = write_to(fcntl(dest->fd, F_DUPFD_CLOEXEC, 3), dest, report);
		break;
	case DEST_PIPE:
		error = write_to(dest_open_fifo(dest->path, 0), dest, report);
		break;
	case DEST_TCP:
		error = write_to(socket_tcp(dest->path), dest, report);
		break;
	case DEST_UNIX:
		error = write_to(socket_unix(dest->path, 0), dest, report);
		break;
	case DEST_FILE:
		name = report->child && is_special(dest->path) ?
		               strdup(dest->path) :
		               file_name(dest->path, report, number);
		error = name ? write_file(name, dest, report) : -ENOMEM;
		break;
	}
	errno = -error;
	if (error && dest->kind == DEST_FD)
		warn("cannot write the report to descriptor %d:", dest->fd);
	else if (error)
		warn("cannot write the report to %s:", name ? name : dest->path);
	free(name);
	return error;
}
