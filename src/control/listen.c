#include "listen.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define WAITING 16

/* -1 with errno. */
static int listen_on(int family, const struct sockaddr *addr, socklen_t len)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1, error;

	if (fd < 0)
		return -1;
	if (family != AF_UNIX)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, addr, len) == 0 && listen(fd, WAITING) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

/* ---- Unix -------------------------------------------------------------------------------- */

/* False with errno. */
static bool put_path(struct sockaddr_un *addr, const char *path)
{
	*addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	errno = *path ? ENAMETOOLONG : EINVAL;
	if (!*path || strlen(path) >= sizeof(addr->sun_path))
		return false;
	strcpy(addr->sun_path, path);
	return true;
}

/* That of one who was killed answers nobody. */
void listen_remove_stale(const char *path)
{
	struct sockaddr_un addr;
	struct stat stat_;
	int fd;

	if (!put_path(&addr, path) || lstat(path, &stat_) < 0 || !S_ISSOCK(stat_.st_mode))
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0 &&
	    errno == ECONNREFUSED)
		unlink(path);
	if (fd >= 0)
		close(fd);
}

int listen_unix(const char *path)
{
	struct sockaddr_un addr;
	mode_t mask;
	int fd;

	if (!put_path(&addr, path))
		return -1;
	listen_remove_stale(path);
	mask = umask(0177);
	fd = listen_on(AF_UNIX, (struct sockaddr *)&addr, sizeof(addr));
	umask(mask);
	return fd;
}

static bool listen_path(struct listening *at, const char *path)
{
	at->fd = listen_unix(path);
	if (at->fd < 0)
		return false;
	at->path = strdup(path);
	at->maker = getpid();
	return true;
}

/* ---- TCP --------------------------------------------------------------------------------- */

/* getaddrinfo(3) takes a larger one for another, and 0 for any. */
static bool is_port(const char *digits)
{
	unsigned long number = strtoul(digits, NULL, 10);

	return number > 0 && number <= UINT16_MAX;
}

/* In place: the host (empty: loopback) and the port. False: not well-formed. */
static bool split(char *address, char **host, char **port)
{
	char *colon = strrchr(address, ':');

	*host = address;
	*port = colon ? colon + 1 : address;
	if (!colon) {
		*host = NULL;
	} else {
		*colon = 0;
		if (address[0] == '[' && colon[-1] == ']') {
			colon[-1] = 0;
			++*host;
		}
	}
	if (*host && !**host)
		*host = NULL;
	return **port && strspn(*port, "0123456789") == strlen(*port) && is_port(*port);
}

static bool listen_tcp(struct listening *at, char *address)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	struct addrinfo *list = NULL;
	char *host, *port;

	errno = EINVAL;
	if (!split(address, &host, &port) ||
	    getaddrinfo(host ? host : "127.0.0.1", port, &hints, &list) != 0) {
		errno = EINVAL;
		return false;
	}
	for (const struct addrinfo *one = list; one && at->fd < 0; one = one->ai_next)
		at->fd = listen_on(one->ai_family, one->ai_addr, one->ai_addrlen);
	freeaddrinfo(list);
	return at->fd >= 0;
}

bool listen_at(struct listening *at, const char *address)
{
	static const char prefix[] = "unix:";
	char *copy;
	bool well;

	*at = (struct listening){ .fd = -1 };
	if (strncmp(address, prefix, sizeof(prefix) - 1) == 0)
		return listen_path(at, address + sizeof(prefix) - 1);
	copy = strdup(address);
	well = copy && listen_tcp(at, copy);
	free(copy);
	return well;
}

void listen_end(struct listening *at, bool close_it)
{
	if (at->path && at->maker == getpid())
		unlink(at->path);
	free(at->path);
	if (close_it && at->fd >= 0)
		close(at->fd);
	at->path = NULL;
}
