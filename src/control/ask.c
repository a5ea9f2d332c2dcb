#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "place.h"

/* A number in /proc/PID/status; 0: none, or no such process. */
static long status_number(pid_t pid, const char *name)
{
	char path[32], line[256];
	size_t len = strlen(name);
	long number = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, name, len) == 0)
			number = strtol(line + len, NULL, 10);
	if (file)
		fclose(file);
	return number;
}

static bool path_of(char path[CONTROL_PATH], pid_t session)
{
	uid_t uid = status_number(session, "Uid:");

	place_path(path, uid, session);
	return place_is_private(uid);
}

static bool is_session(pid_t pid)
{
	char path[CONTROL_PATH];

	return pid > 0 && path_of(path, pid) && access(path, F_OK) == 0;
}

/* The tracer is a child of the session. */
pid_t control_session_of(pid_t pid)
{
	pid_t tracer = (pid_t)status_number(pid, "TracerPid:");
	pid_t session = tracer ? (pid_t)status_number(tracer, "PPid:") : 0;

	if (is_session(session))
		return session;
	return is_session(pid) ? pid : 0;
}

/* ---- talking ------------------------------------------------------------------------------ */

/* A short line, without its end. False with errno. */
static bool read_line(int fd, char *line, size_t size)
{
	size_t len = 0;

	errno = EPROTO;
	while (len < size) {
		ssize_t n = recv(fd, line + len, 1, 0);

		if (n == 0)
			errno = ECONNRESET;
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		if (line[len] == '\n') {
			line[len] = 0;
			return true;
		}
		len++;
	}
	errno = EPROTO;
	return false;
}

static bool greets(int fd)
{
	char line[64];
	int version = 0;

	if (!read_line(fd, line, sizeof(line)))
		return false;
	errno = EPROTO;
	return sscanf(line, "alloctrace ctl %d ", &version) == 1 && version == CONTROL_PROTOCOL;
}

/* Whoever listens there must be the session's user, whose folder it is. */
int control_connect(pid_t session)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), error;

	errno = ENOENT;
	if (fd >= 0 && path_of(addr.sun_path, session) &&
	    connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 && greets(fd))
		return fd;
	error = errno;
	if (fd >= 0)
		close(fd);
	errno = error;
	return -1;
}

static bool send_all(int fd, const char *line)
{
	size_t len = strlen(line);

	while (len) {
		ssize_t n = send(fd, line, len, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return false;
		line += n > 0 ? n : 0;
		len -= n > 0 ? n : 0;
	}
	return true;
}

static bool write_all(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno != EINTR)
			return false;
		bytes += n > 0 ? n : 0;
		len -= n > 0 ? n : 0;
	}
	return true;
}

static bool copy(int fd, unsigned long long len, int to)
{
	char bytes[1 << 14];

	while (len) {
		ssize_t n = recv(fd, bytes, len < sizeof(bytes) ? len : sizeof(bytes), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			errno = ECONNRESET;
		if (n <= 0 || !write_all(to, bytes, n))
			return false;
		len -= n;
	}
	return true;
}

int control_ask(int fd, const char *line, int out, int err, enum control_status *status)
{
	static const char *const names[CONTROL_STATUSES] = { "ok", "usage", "error" };
	char head[64], name[8];
	unsigned long long len;

	if (!send_all(fd, line) || !read_line(fd, head, sizeof(head)))
		return -1;
	errno = EPROTO;
	if (sscanf(head, "%7s %llu", name, &len) != 2)
		return -1;
	for (unsigned i = 0; i < CONTROL_STATUSES; i++)
		if (strcmp(name, names[i]) == 0) {
			*status = i;
			return copy(fd, len, i == CONTROL_OK ? out : err) ? 0 : -1;
		}
	return -1;
}
