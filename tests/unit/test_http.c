/* Clients of --metrics that take their time, by a clock of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"
#include "http.h"

enum { CONNECTIONS = 16, TIMEOUT_S = 10 }; /* src/control/http.c */

static char folder[] = "/tmp/test_http.XXXXXX";
static char path[sizeof(folder) + 8];
static struct http *http;
static uint64_t seconds;

uint64_t clock_ns(clockid_t id)
{
	(void)id;
	return (100 + seconds) * UINT64_C(1000000000);
}

static void write_text(void *ctx, FILE *to)
{
	(void)ctx;
	fputs("it\n", to);
}

static int set_up(void **state)
{
	const struct http_text text = { "/metrics", "text/plain", write_text, NULL };
	char address[sizeof(path) + 8];

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/at", folder);
	snprintf(address, sizeof(address), "unix:%s", path);
	http = http_open(address, &text);
	assert_non_null(http);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	http_close(http);
	return rmdir(folder);
}

/* Whatever is to be done for those that are there. */
static void serve(void)
{
	for (int i = 0; i < 2 * CONNECTIONS; i++)
		http_serve(http);
}

static int client(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	strcpy(address.sun_path, path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	serve();
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	serve();
}

static bool is_answered(int fd)
{
	char answer[1024];

	say(fd, "GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n");
	return recv(fd, answer, sizeof(answer), 0) > 0;
}

static void slow_ones_make_way(void **state)
{
	int slow[CONNECTIONS], other;
	char byte;

	(void)state;
	for (int i = 0; i < CONNECTIONS; i++)
		slow[i] = client();
	for (seconds = 1; seconds <= TIMEOUT_S; seconds++)
		for (int i = 0; i < CONNECTIONS; i++)
			say(slow[i], "G");
	serve();
	other = client();
	assert_true(is_answered(other));
	close(other);
	for (int i = 0; i < CONNECTIONS; i++) {
		assert_int_equal(recv(slow[i], &byte, 1, 0), 0);
		close(slow[i]);
	}
	serve();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slow_ones_make_way),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
