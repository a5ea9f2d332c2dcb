/* A small HTTP server for one text, by libmicrohttpd: what a client does costs a bounded amount of
 * memory, and nothing blocks. */
#ifndef HTTP_H
#define HTTP_H

#include <stdio.h>

#include "types.h"

struct http_text {
	const char *path; /* "/metrics"; anything else is not found */
	const char *type; /* Content-Type */
	void (*write)(void *ctx, FILE *);
	void *ctx;
};

struct http;

/* At HOST:PORT, [HOST]:PORT, :PORT or PORT (on the loopback interface; 1 to 65535), or unix:PATH;
 * the text's strings must stay. NULL with errno: EINVAL: no such address. */
struct http *http_open(const char *address, const struct http_text *);
int http_fd(const struct http *); /* to be polled for POLLIN, then: */
void http_serve(struct http *);
void http_close(struct http *); /* NULL: nothing */

#endif
