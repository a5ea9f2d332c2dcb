/* Connecting to where a report goes. Descriptors, or -1 with errno. */
#ifndef SOCKET_H
#define SOCKET_H

int socket_tcp(const char *host_port); /* HOST:PORT, [HOST]:PORT */
int socket_unix(const char *path);

#endif
