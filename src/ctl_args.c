#include "ctl_args.h"

#include <stdlib.h>
#include <string.h>

static const char *read_tid(struct ctl_args *args, const char *text)
{
	char *end;
	long tid = text ? strtol(text, &end, 10) : 0;

	if (!text || tid <= 0 || tid > INT32_MAX || *end)
		return "--tid wants a thread's number";
	args->tid = (int)tid;
	return NULL;
}

static const char *read_by(struct ctl_args *args, const char *text)
{
	args->grouped = strcmp(text, "site") != 0;
	args->by = strcmp(text, "lib") == 0 ? HEAP_BY_LIBRARY : HEAP_BY_FUNCTION;
	if (args->grouped && args->by == HEAP_BY_FUNCTION && strcmp(text, "func") != 0)
		return "--by wants site, lib or func";
	return NULL;
}

/* Takes words[*at], and the next one where that is its value. */
static const char *read_flag(struct ctl_args *args, const struct control_request *request, int *at,
                             unsigned allowed)
{
	const char *word = request->words[*at];

	if (allowed & CTL_JSON && strcmp(word, "--json") == 0)
		args->json = true;
	else if (allowed & CTL_BOX && strcmp(word, "--box") == 0)
		args->box = true;
	else if (allowed & CTL_BY && strncmp(word, "--by=", 5) == 0)
		return read_by(args, word + 5);
	else if (allowed & CTL_TID && strncmp(word, "--tid=", 6) == 0)
		return read_tid(args, word + 6);
	else if (allowed & CTL_TID && strcmp(word, "--tid") == 0)
		return read_tid(args, request->words[++*at]);
	else
		return "no such option of this command";
	return NULL;
}

const char *ctl_args_read(struct ctl_args *args, const struct control_request *request,
                          const struct ctl_syntax *syntax)
{
	const char *wrong = NULL;

	*args = (struct ctl_args){ 0 };
	for (int i = 1; !wrong && i < request->count; i++) {
		if (strncmp(request->words[i], "--", 2) == 0)
			wrong = read_flag(args, request, &i, syntax->flags);
		else if (args->count == syntax->most || args->count == CTL_WORDS)
			wrong = "too many arguments";
		else
			args->words[args->count++] = request->words[i];
	}
	if (!wrong && args->count < syntax->least)
		wrong = "an argument is missing";
	return wrong;
}
