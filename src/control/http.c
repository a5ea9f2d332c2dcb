/* The server's descriptors are in one epoll(7) of its own; a timer beside it tells when it wants
 * to be called though none of them is ready. */
#include "http.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "clock.h"
#include "listen.h"

#define CONNECTIONS 16
#define TIMEOUT_S 10 /* for the next byte, and for all of it */
#define MEMORY (16 << 10) /* of a connection, bytes */

struct client {
	int fd;
	uint64_t since_ms; /* 0: a free place */
};

struct http {
	struct client clients[CONNECTIONS];
	struct MHD_Daemon *daemon;
	struct http_text text;
	struct listening at;
	int epoll, timer;
};

/* ---- clients ----------------------------------------------------------------------------- */

/* The place that it has is its context; NULL: it has none. */
static void came_or_went(void *ctx, struct MHD_Connection *connection, void **place,
                         enum MHD_ConnectionNotificationCode what)
{
	struct http *http = ctx;
	struct client *client = *place;

	if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (client)
			client->since_ms = 0;
		return;
	}
	for (client = http->clients; client < http->clients + CONNECTIONS; client++)
		if (!client->since_ms) {
			*client = (struct client){
				MHD_get_connection_info(connection,
				                        MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd,
				clock_ms()
			};
			*place = client;
			return;
		}
}

/* One that says a byte now and then would never be too slow for the server. */
static void end_late(struct http *http)
{
	for (struct client *client = http->clients; client < http->clients + CONNECTIONS; client++)
		if (client->since_ms && clock_ms() - client->since_ms > TIMEOUT_S * 1000)
			shutdown(client->fd, SHUT_RDWR);
}

/* ---- answers ----------------------------------------------------------------------------- */

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned status, const char *why)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		strlen(why), (void *)why, MHD_RESPMEM_PERSISTENT);
	enum MHD_Result result = MHD_queue_response(connection, status, response);

	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result answer(const struct http *http, struct MHD_Connection *connection)
{
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);
	struct MHD_Response *response;
	enum MHD_Result result;

	if (to)
		http->text.write(http->text.ctx, to);
	if (!to || fclose(to) != 0) {
		free(text);
		return refuse(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "no memory\n");
	}
	response = MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, http->text.type);
	result = MHD_queue_response(connection, MHD_HTTP_OK, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_len, void **state)
{
	const struct http *http = ctx;

	(void)version, (void)upload, (void)upload_len, (void)state;
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET\n");
	if (strcmp(url, http->text.path) != 0)
		return refuse(connection, MHD_HTTP_NOT_FOUND, "not here\n");
	return answer(http, connection);
}

/* What a client has sent that it should not have is no matter of the session's. */
static void say_nothing(void *ctx, const char *format, va_list args)
{
	(void)ctx, (void)format, (void)args;
}

/* ---- when -------------------------------------------------------------------------------- */

static void set_timer(const struct http *http)
{
	struct itimerspec at = { { 0 }, { 0 } };
	MHD_UNSIGNED_LONG_LONG ms;

	if (MHD_get_timeout(http->daemon, &ms) == MHD_YES) {
		ms += ms == 0; /* which would be never */
		at.it_value.tv_sec = (time_t)(ms / 1000);
		at.it_value.tv_nsec = (long)(ms % 1000) * 1000000;
	}
	timerfd_settime(http->timer, 0, &at, NULL);
}

void http_serve(struct http *http)
{
	uint64_t times;

	if (read(http->timer, &times, sizeof(times)) < 0)
		times = 0;
	end_late(http);
	MHD_run(http->daemon);
	set_timer(http);
}

int http_fd(const struct http *http)
{
	return http->epoll;
}

/* ---- begin and end ----------------------------------------------------------------------- */

static bool watch(const struct http *http, int fd)
{
	struct epoll_event event = { EPOLLIN, { .fd = fd } };

	return fd >= 0 && epoll_ctl(http->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static bool begin(struct http *http, const char *address)
{
	const union MHD_DaemonInfo *info;

	if (!listen_at(&http->at, address))
		return false;
	http->epoll = epoll_create1(EPOLL_CLOEXEC);
	http->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	errno = ENOMEM;
	http->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request,
		http, MHD_OPTION_EXTERNAL_LOGGER, say_nothing, NULL,
		MHD_OPTION_LISTEN_SOCKET, http->at.fd,
		MHD_OPTION_NOTIFY_CONNECTION, came_or_went, http,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_S,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY, MHD_OPTION_END);
	if (!http->daemon)
		return false;
	info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	return info && watch(http, info->epoll_fd) && watch(http, http->timer);
}

struct http *http_open(const char *address, const struct http_text *text)
{
	struct http *http = calloc(1, sizeof(*http));
	int error;

	if (!http)
		return NULL;
	http->text = *text;
	http->epoll = http->timer = http->at.fd = -1;
	if (begin(http, address))
		return http;
	error = errno;
	http_close(http);
	errno = error;
	return NULL;
}

/* The server closes the descriptor that it listens at. */
void http_close(struct http *http)
{
	if (!http)
		return;
	listen_end(&http->at, !http->daemon);
	if (http->daemon)
		MHD_stop_daemon(http->daemon);
	if (http->timer >= 0)
		close(http->timer);
	if (http->epoll >= 0)
		close(http->epoll);
	free(http);
}
