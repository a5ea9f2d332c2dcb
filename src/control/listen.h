/* A socket to listen at, by the address that a user gives. */
#ifndef LISTEN_H
#define LISTEN_H

#include <sys/types.h>

#include "types.h"

struct listening {
	int fd;
	char *path; /* of a Unix socket: it goes when its maker ends; or NULL */
	pid_t maker;
};

void listen_remove_stale(const char *path); /* the socket of one who was killed */
/* At a path, for our own user. -1 with errno. */
int listen_unix(const char *path);
/* As http_open has it. False with errno. */
bool listen_at(struct listening *, const char *address);
void listen_end(struct listening *, bool close_it);

#endif
