#include "socket.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"

int socket_connect(int family, const struct sockaddr *addr, socklen_t len, int flags)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0), error;

	if (fd < 0 || connect(fd, addr, len) == 0 || errno == EINPROGRESS)
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
		fd = socket_connect(at->ai_family, at->ai_addr, at->ai_addrlen, 0);
	freeaddrinfo(list);
	return fd;
}

int socket_unix(const char *path, int flags)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	errno = ENAMETOOLONG;
	if (strlen(path) >= sizeof(addr.sun_path))
		return -1;
	strcpy(addr.sun_path, path);
	return socket_connect(AF_UNIX, (const struct sockaddr *)&addr, sizeof(addr), flags);
}

/* ---- the end -------------------------------------------------------------------------------- */

int socket_error(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 ? errno : error;
}

#define AT_MOST 16 /* pieces at once, of one who never ends */
#define NAP_MS 10

int socket_forget_input(int fd)
{
	char bytes[4096];
	ssize_t n = 1;

	for (int i = 0; n > 0 && i < AT_MOST; i++)
		n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return -errno;
	return n != 0;
}

/* A local socket's bytes are with the reader at once. The end counts as one, once it is sent. */
unsigned socket_on_their_way(int fd)
{
	int bytes = 0, domain = AF_UNIX;
	socklen_t len = sizeof(domain);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0 || domain == AF_UNIX ||
	    ioctl(fd, SIOCOUTQ, &bytes) < 0)
		return 0;
	return (unsigned)bytes;
}

void socket_tell_on_their_way(const char *name, unsigned bytes)
{
	warn("%s: %u bytes are still on their way; they arrive if its reader reads on, and are lost "
	     "if it writes or goes", name, bytes);
}

int socket_finish(int fd, const char *name)
{
	uint64_t since_ms = clock_ms();
	unsigned before = 0, left;
	int more = socket_forget_input(fd);

	shutdown(fd, SHUT_WR);
	while ((left = socket_on_their_way(fd)) && more >= 0) {
		struct pollfd poll_ = { more ? fd : -1, POLLIN, 0 };

		if (left != before)
			since_ms = clock_ms();
		if (clock_ms() - since_ms >= LINGER_MS) {
			socket_tell_on_their_way(name, left);
			return 0;
		}
		before = left;
		poll(&poll_, 1, NAP_MS);
		more = more ? socket_forget_input(fd) : -socket_error(fd);
	}
	return left ? more : 0;
}
