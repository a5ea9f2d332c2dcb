/* Values are read as on the command line, by the same table; 0 and off stand for an option that
 * was not given. */
#include "ctl_set.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "option.h"
#include "timer.h"

static const char *const settable[] = {
	"top", "sort", "min-size", "min-age", "blocks", "interval", "alert-block", "alert-delta",
	"alert-time", "alert-live", "alert-rate", "stats",
};

static const struct option *find(const char *name, size_t len)
{
	const struct option *option;
	bool may = false;

	for (size_t i = 0; i < countof(settable); i++)
		may |= strlen(settable[i]) == len && strncmp(settable[i], name, len) == 0;
	for (size_t group = 0, at = 0; may && (option = option_next(&group, &at));)
		if (strlen(option->name) == len && strncmp(option->name, name, len) == 0)
			return option;
	return NULL;
}

static bool set_flag(bool *at, const char *value)
{
	*at = strcmp(value, "on") == 0;
	return *at || strcmp(value, "off") == 0;
}

static bool is_number(const struct option *option)
{
	return option->kind == OPTION_COUNT || option->kind == OPTION_SIZE ||
	       option->kind == OPTION_SECONDS;
}

static bool set(const struct option *option, struct options *options, const char *value)
{
	void *at = (char *)options + option->at;

	if (option->kind == OPTION_FLAG)
		return set_flag(at, value);
	if (is_number(option) && strcmp(value, "0") == 0) {
		*(uint64_t *)at = 0;
		return true;
	}
	return option_set(option, options, value);
}

const char *ctl_set_one(struct options *options, const char *text)
{
	size_t len = strcspn(text, "=");
	const struct option *option = find(text, len);
	struct options changed = *options;

	if (!option)
		return "no such setting; set alone lists them";
	if (!text[len] || !set(option, &changed, text + len + 1))
		return "not a value that it takes";
	*options = changed;
	return NULL;
}

/* ---- what is set ------------------------------------------------------------------------- */

static void put(FILE *out, const struct options *options, const struct option *option)
{
	const void *at = (const char *)options + option->at;

	fprintf(out, "%s=", option->name);
	if (option->kind == OPTION_FLAG)
		fputs(*(const bool *)at ? "on" : "off", out);
	else if (option->kind == OPTION_CHOICE)
		fputs(option->choices[*(const int *)at], out);
	else if (option->kind == OPTION_SECTIONS)
		figures_sections_put(out, *(const unsigned *)at);
	else if (option->kind == OPTION_SECONDS)
		fprintf(out, "%g", (double)*(const uint64_t *)at / 1000);
	else
		fprintf(out, "%" PRIu64, *(const uint64_t *)at);
	putc('\n', out);
}

static void put_all(FILE *out, const struct options *options)
{
	for (size_t i = 0; i < countof(settable); i++)
		put(out, options, find(settable[i], strlen(settable[i])));
}

/* ---- while it runs ----------------------------------------------------------------------- */

static void run_interval(struct session *session)
{
	if (session->interval >= 0) {
		polls_drop(&session->polls, session->interval);
		close(session->interval);
	}
	session->interval = timer_open(session->options->interval_ms, true);
	if (session->interval >= 0)
		polls_add(&session->polls, session->interval, POLLIN, NULL, NULL);
}

enum control_status ctl_set(struct ctl_call *call)
{
	struct session *session = call->session;
	struct options changed = *session->options;
	uint64_t interval_ms = changed.interval_ms;

	for (int i = 0; i < call->args->count; i++) {
		const char *wrong = ctl_set_one(&changed, call->args->words[i]);

		if (!wrong)
			continue;
		fprintf(call->out, "%s: %s", call->args->words[i], wrong);
		return CONTROL_USAGE;
	}
	*session->options = changed;
	if (changed.interval_ms != interval_ms)
		run_interval(session);
	put_all(call->out, session->options);
	return CONTROL_OK;
}
