#include "ctl_commands.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl_log.h"
#include "ctl_set.h"
#include "usage.h"

/* ---- at once ----------------------------------------------------------------------------- */

static enum control_status help(struct ctl_call *call)
{
	ctl_commands_list(call->out);
	return CONTROL_OK;
}

static enum control_status version(struct ctl_call *call)
{
	if (call->args->json)
		fprintf(call->out, "{\"alloctrace_ctl\":1,\"version\":\"" VERSION
		        "\",\"protocol\":%d}\n", CONTROL_PROTOCOL);
	else
		fprintf(call->out, "alloctrace " VERSION ", control protocol %d\n",
		        CONTROL_PROTOCOL);
	return CONTROL_OK;
}

static enum control_status stat(struct ctl_call *call)
{
	const char *exe = call->figures.report->exe;

	if (call->args->box)
		figures_box(call->out, call->traced->heap, exe ? exe : "?");
	else
		figures_stat(call->out, &call->figures);
	return CONTROL_OK;
}

static enum control_status reset(struct ctl_call *call)
{
	heap_counters_reset(call->traced->heap);
	fprintf(call->out, "stat counts from here on\n");
	return CONTROL_OK;
}

static enum control_status mark(struct ctl_call *call)
{
	const char *names[HEAP_MARKS], *name = call->args->words[0];
	int error = name ? heap_mark(call->traced->heap, name) : 0;

	if (error == -ENAMETOOLONG)
		fprintf(call->out, "a mark's name has at most %d bytes", HEAP_MARK_NAME - 1);
	else if (error == -ENOSPC)
		fprintf(call->out, "there are %d marks already; one of their names takes its place",
		        HEAP_MARKS);
	else if (error)
		fprintf(call->out, "no memory for a mark");
	else if (name)
		fprintf(call->out, "marked: diff %s tells what has grown since\n", name);
	for (size_t i = 0; !name && i < heap_marks(call->traced->heap, names); i++)
		fprintf(call->out, "%s\n", names[i]);
	return error ? CONTROL_ERROR : CONTROL_OK;
}

/* ---- by a copy --------------------------------------------------------------------------- */

static void set_top(struct ctl_call *call, struct report *report, const char *text)
{
	*report = *call->figures.report;
	if (text)
		report->top = strtoul(text, NULL, 10);
	call->figures.report = report;
}

static enum control_status top(struct ctl_call *call)
{
	const char *number = call->args->words[0];
	struct report report;

	if (number && (!*number || number[strspn(number, "0123456789")] || strlen(number) > 9)) {
		fprintf(call->out, "%s: how many are to be shown is a number", number);
		return CONTROL_USAGE;
	}
	set_top(call, &report, number);
	if (call->args->grouped)
		figures_groups(call->out, &call->figures, call->args->by);
	else
		figures_top(call->out, &call->figures);
	return CONTROL_OK;
}

static enum control_status sites(struct ctl_call *call)
{
	figures_sites(call->out, &call->figures);
	return CONTROL_OK;
}

static enum control_status site(struct ctl_call *call)
{
	const char *what = call->args->words[0];

	if (figures_site(call->out, &call->figures, what, call->args->tid))
		return CONTROL_OK;
	fprintf(call->out, "%s: no site has this number, or this function in its stack", what);
	if (call->args->tid)
		fprintf(call->out, ", of thread %d", call->args->tid);
	return CONTROL_ERROR;
}

static enum control_status diff(struct ctl_call *call)
{
	const char *from = call->args->words[0], *to = call->args->words[1];
	const struct heap *heap = call->traced->heap;
	const char *missing = !heap_has_mark(heap, from)     ? from :
	                      to && !heap_has_mark(heap, to) ? to :
	                                                       NULL;

	if (missing) {
		fprintf(call->out, "%s: there is no such mark; mark %s makes one", missing, missing);
		return CONTROL_ERROR;
	}
	figures_diff(call->out, &call->figures, from, to);
	return CONTROL_OK;
}

/* ---- all of them ------------------------------------------------------------------------- */

const struct ctl_command ctl_commands[] = {
	{ "help", "", "this list", { 0, 0, 0 }, CTL_NOW, false, help },
	{ "version", "[--json]", "the session's version, and the protocol's", { CTL_JSON, 0, 0 },
	  CTL_NOW, false, version },
	{ "stat", "[--json|--box]", "the counters, since the begin or the last reset",
	  { CTL_JSON | CTL_BOX, 0, 0 }, CTL_NOW, true, stat },
	{ "reset", "", "stat's counters begin anew", { 0, 0, 0 }, CTL_NOW, true, reset },
	{ "mark", "[NAME]", "remembers what each site holds now; without NAME lists the marks",
	  { 0, 0, 1 }, CTL_NOW, true, mark },
	{ "diff", "NAME [NAME] [--json]", "what has grown since a mark, or from one to another",
	  { CTL_JSON, 1, 2 }, CTL_COPY, true, diff },
	{ "dump", "[[FORMAT:]DEST]", "a report now, to the session's outputs or to DEST; - is here",
	  { 0, 0, 1 }, CTL_DUMP, false, NULL },
	{ "top", "[N] [--by=site|lib|func] [--json]", "who holds most",
	  { CTL_JSON | CTL_BY, 0, 1 }, CTL_COPY, true, top },
	{ "sites", "[--json]", "a line for each site", { CTL_JSON, 0, 0 }, CTL_COPY, true, sites },
	{ "site", "ID|FUNCTION [--tid T] [--json]", "one site: by thread, and how long blocks live",
	  { CTL_JSON | CTL_TID, 1, 1 }, CTL_COPY, true, site },
	{ "set", "[KEY=VALUE...]", "changes what reports show; alone lists what is set",
	  { 0, 0, CTL_WORDS }, CTL_NOW, false, ctl_set },
	{ "log", "on|off|to DEST", "the event streams", { 0, 1, 2 }, CTL_NOW, false, ctl_log },
	{ "off", "", "takes the traps out of the allocators: what is called is not seen",
	  { 0, 0, 0 }, CTL_OFF, true, NULL },
	{ "on", "", "puts them back; what lives of what lived before is not known any more",
	  { 0, 0, 0 }, CTL_ON, true, NULL },
	{ "alert", "", "waits for the next alert, and tells it", { 0, 0, 0 }, CTL_ALERT, false, NULL },
	{ "stop", "", "lets the program go, which runs on, and waits until that is done",
	  { 0, 0, 0 }, CTL_STOP, false, NULL },
};
const size_t ctl_command_count = countof(ctl_commands);

const struct ctl_command *ctl_command_find(const char *name)
{
	for (size_t i = 0; i < ctl_command_count; i++)
		if (strcmp(ctl_commands[i].name, name) == 0)
			return &ctl_commands[i];
	return NULL;
}

void ctl_commands_list(FILE *out)
{
	for (size_t i = 0; i < ctl_command_count; i++) {
		const struct ctl_command *command = &ctl_commands[i];
		int column = fprintf(out, "%s %s", command->name, command->arguments);

		if (column > 30)
			column = fprintf(out, "\n") - 1;
		fprintf(out, "%*s %s\n", 30 - column, "", command->help);
	}
}
