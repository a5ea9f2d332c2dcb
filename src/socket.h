/* Connecting to where something goes, and leaving without taking it back. Descriptors, or -1 with
 * errno. */
#ifndef SOCKET_H
#define SOCKET_H

#include <sys/socket.h>

#define LINGER_MS 1000 /* for a reader that does not read */

int socket_tcp(const char *host_port); /* HOST:PORT, [HOST]:PORT */
/* flags: SOCK_NONBLOCK, with which it may still be connecting, or 0. */
int socket_unix(const char *path, int flags);
int socket_connect(int family, const struct sockaddr *, socklen_t, int flags);

/* All that HOST:PORT means, for freeaddrinfo(3); NULL with errno: nothing. Asks name servers. */
struct addrinfo *socket_resolve(const char *host_port);

int socket_error(int fd); /* what has become of it, an errno or 0 */
/* What has come is read and forgotten: close(2) over unread input would throw away what is on
 * its way out. 1: more may come; 0: no more; -errno: the connection is lost. */
int socket_forget_input(int fd);
/* How many bytes the other machine, or the other end's queue, has not got yet. */
unsigned socket_on_their_way(int fd);
/* Nothing more is written. Waits until all has arrived, LINGER_MS at most without progress: tells
 * what has not. 0 or -errno. */
int socket_finish(int fd, const char *name);
void socket_tell_on_their_way(const char *name, unsigned bytes);

#endif
