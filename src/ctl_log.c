#include "ctl_log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* It stays for good: what leads there is the request's. */
static enum control_status redirect(struct ctl_call *call, const char *to)
{
	struct dest *dest = calloc(1, sizeof(*dest));
	char *text = strdup(to);
	int error = -ENOMEM;

	if (dest && text)
		error = dest_parse(dest, text) ? streams_redirect(&call->session->streams, dest) : -EINVAL;
	if (error == 0)
		return CONTROL_OK;
	fprintf(call->out, "%s: %s", to, strerror(-error));
	free(dest);
	free(text);
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
