/* Connecting to where a report goes. Descriptors, or -1 with errno. */
#ifndef SOCKET_H
#define SOCKET_H

int socket_tcp(const char *host_port); /* HOST:PORT, [HOST]:PORT */
int socket_unix(const char *path);

/* All that HOST:PORT means, for freeaddrinfo(3); NULL with errno: nothing. Asks name servers. */
struct addrinfo *socket_resolve(const char *host_port);

#endif
