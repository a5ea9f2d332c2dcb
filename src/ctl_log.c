#include "ctl_log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Where streams have been sent; what writes there goes on to need it. */
struct redirected {
	struct redirected *before;
	struct dest dest;
	char text[];
};

static enum control_status redirect(struct ctl_call *call, const char *to)
{
	static struct redirected *last;
	struct redirected *one = calloc(1, sizeof(*one) + strlen(to) + 1);
	int error = -ENOMEM;

	if (one)
		error = dest_parse(&one->dest, strcpy(one->text, to)) ?
		                streams_redirect(&call->session->streams, &one->dest) :
		                -EINVAL;
	if (error == 0) {
		one->before = last;
		last = one;
		return CONTROL_OK;
	}
	fprintf(call->out, "%s: %s", to, strerror(-error));
	free(one);
	return CONTROL_ERROR;
}

enum control_status ctl_log(struct ctl_call *call)
{
	const char *what = call->args->words[0], *to = call->args->words[1];
	bool is_to = strcmp(what, "to") == 0;

	if ((is_to && !to) || (!is_to && (to || (strcmp(what, "on") && strcmp(what, "off"))))) {
		fprintf(call->out, "log wants on, off, or to DEST");
		return CONTROL_USAGE;
	}
	if (!call->session->streams.count) {
		fprintf(call->out, "this session streams no events");
		return CONTROL_ERROR;
	}
	if (is_to)
		return redirect(call, to);
	streams_log(&call->session->streams, strcmp(what, "on") == 0);
	return CONTROL_OK;
}
