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

/* That of one who was killed answers nobody. */
static void remove_stale(const struct sockaddr_un *addr)
{
	struct stat stat_;
	int fd;

	if (lstat(addr->sun_path, &stat_) < 0 || !S_ISSOCK(stat_.st_mode))
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0 &&
	    errno == ECONNREFUSED)
		unlink(addr->sun_path);
	if (fd >= 0)
		close(fd);
}

static bool listen_unix(struct listening *at, const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	mode_t mask;

	errno = *path ? ENAMETOOLONG : EINVAL;
	if (!*path || strlen(path) >= sizeof(addr.sun_path))
		return false;
	strcpy(addr.sun_path, path);
	remove_stale(&addr);
	mask = umask(0177);
	at->fd = listen_on(AF_UNIX, (struct sockaddr *)&addr, sizeof(addr));
	umask(mask);
	if (at->fd < 0)
		return false;
	at->path = strdup(path);
	at->maker = getpid();
	return true;
}

/* ---- TCP --------------------------------------------------------------------------------- */

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
	return **port && strspn(*port, "0123456789") == strlen(*port);
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
		return listen_unix(at, address + sizeof(prefix) - 1);
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
