#include "socket.h"

#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int connect_to(int family, const struct sockaddr *addr, socklen_t len)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), error;

	if (fd < 0 || connect(fd, addr, len) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

struct addrinfo *socket_resolve(const char *host_port)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;
	const char *colon = strrchr(host_port, ':');
	bool bracketed = host_port[0] == '[';
	char *host = colon ? strndup(host_port + bracketed, colon - host_port - 2 * bracketed) :
	                     NULL;
	int error = host ? getaddrinfo(host, colon + 1, &hints, &list) : EAI_SERVICE;

	free(host);
	if (error == 0)
		return list;
	errno = error == EAI_SERVICE ? EINVAL : EHOSTUNREACH; /* no port; no such host */
	return NULL;
}

int socket_tcp(const char *host_port)
{
	struct addrinfo *list = socket_resolve(host_port), *at;
	int fd = -1;

	if (!list)
		return -1;
	for (at = list; at && fd < 0; at = at->ai_next)
		fd = connect_to(at->ai_family, at->ai_addr, at->ai_addrlen);
	freeaddrinfo(list);
	return fd;
}

int socket_unix(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	errno = ENAMETOOLONG;
	if (strlen(path) >= sizeof(addr.sun_path))
		return -1;
	strcpy(addr.sun_path, path);
	return connect_to(AF_UNIX, (const struct sockaddr *)&addr, sizeof(addr));
}
