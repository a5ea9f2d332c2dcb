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

/* Does it name a format that not all streams have? They keep theirs, whatever a path ends in. */
static bool names_another(const struct streams *streams, const char *text)
{
	const char *colon = strchr(text, ':');
	size_t len = colon ? colon - text : 0;
	const struct stream_format *format = stream_by_name(text, len);

	for (unsigned i = 0; format && i < streams->count; i++)
		if (streams->list[i].format != format)
			return true;
	return output_by_name(text, len) || sql_by_name(text, len);
}

/* NULL, or why it cannot be meant. */
static const char *wrong_with(const struct streams *streams, const char *text,
                              const struct dest *dest)
{
	if (names_another(streams, text))
		return "a stream keeps its format; name the path alone";
	if (dest->kind == DEST_FD && strcmp(dest->path, "-") != 0)
		return "a descriptor's number is the session's own; - is its standard output";
	if (dest_has(dest->path, 'n'))
		return "%n is a dump's number, and a stream has none; %p is the process, %t the time";
	return NULL;
}

static const char *redirect_to(struct streams *streams, struct redirected *one)
{
	const char *wrong = "not a destination; see -o in alloctrace --help";
	int error;

	if (dest_parse(&one->dest, one->text))
		wrong = wrong_with(streams, one->text, &one->dest);
	if (wrong)
		return wrong;
	error = streams_redirect(streams, &one->dest);
	return error ? strerror(-error) : NULL;
}

static enum control_status redirect(struct ctl_call *call, const char *to)
{
	static struct redirected *last;
	struct redirected *one = calloc(1, sizeof(*one) + strlen(to) + 1);
	const char *wrong = "no memory";

	if (one) {
		strcpy(one->text, to);
		wrong = redirect_to(&call->session->streams, one);
	}
	if (!wrong) {
		one->before = last;
		last = one;
		return CONTROL_OK;
	}
	fprintf(call->out, "%s: %s", to, wrong);
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
