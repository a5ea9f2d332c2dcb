#include "ctl_log.h"

#include <string.h>

enum control_status ctl_log(struct ctl_call *call)
{
	const char *what = call->args->words[0], *to = call->args->words[1];
	bool is_to = strcmp(what, "to") == 0;

	if ((is_to && !to) || (!is_to && (to || (strcmp(what, "on") && strcmp(what, "off"))))) {
		fprintf(call->out, "log wants on, off, or to DEST");
		return CONTROL_USAGE;
	}
	fprintf(call->out, "this session streams no events");
	return CONTROL_ERROR;
}
