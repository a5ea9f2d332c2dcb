#include "metrics.h"

#include <errno.h>
#include <stdlib.h>

#include "http.h"
#include "log.h"
#include "loop.h"

static void write_all(void *ctx, FILE *out)
{
	struct session *session = ctx;
	const struct processes *processes = &session->processes;
	struct report *reports = calloc(processes->count + 1, sizeof(*reports));
	size_t count = 0;

	for (size_t i = 0; reports && i < processes->count; i++)
		if (processes->list[i]->executed)
			reports[count++] = reporting_head(&session->reporting,
			                                  processes->list[i]);
	figures_metrics(out, reports, count);
	free(reports);
}

static void is_ready(void *ctx, short revents)
{
	struct session *session = ctx;

	(void)revents;
	session->metrics_ready = true;
}

void metrics_begin(struct session *session)
{
	const struct http_text text = {
		"/metrics", "application/openmetrics-text; version=1.0.0; charset=utf-8",
		write_all, session
	};
	const char *address = session->options->metrics;

	if (!address)
		return;
	session->metrics = http_open(address, &text);
	if (!session->metrics && errno == EINVAL)
		die(EXIT_USAGE, "--metrics %s: not HOST:PORT, PORT or unix:PATH; see --help",
		    address);
	if (!session->metrics)
		die(EXIT_OURS, "cannot serve metrics at %s:", address);
	polls_add(&session->polls, http_fd(session->metrics), POLLIN, is_ready, session);
}

void metrics_work(struct session *session)
{
	if (!session->metrics_ready)
		return;
	session->metrics_ready = false;
	http_serve(session->metrics);
}

void metrics_end(struct session *session)
{
	http_close(session->metrics);
	session->metrics = NULL;
}
