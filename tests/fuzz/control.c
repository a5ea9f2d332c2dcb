/* What clients of the control socket say: lines, as the session takes them apart, with what is
 * behind the command; settings; and the other way round, words into a line. */
#include "fuzz.h"

#include "control.h"
#include "ctl_args.h"
#include "ctl_commands.h"
#include "ctl_set.h"

static void use_args(const struct control_request *request, const struct ctl_syntax *syntax)
{
	struct ctl_args args;
	const char *wrong = ctl_args_read(&args, request, syntax);

	fuzz_use(wrong);
	for (int i = 0; !wrong && i < args.count; i++)
		fuzz_use(args.words[i]);
	if (!wrong && (args.count < syntax->least || args.count > syntax->most))
		abort();
}

/* What has been read says the same when it is written and read again. */
static void say_again(const struct control_request *request)
{
	static struct control_request again;
	char line[CONTROL_LINE];

	if (!request->count || !control_write_line(line, request->pid, request->count,
	                                           (char *const *)request->words))
		return;
	if (control_parse(&again, line, strlen(line) - 1) || again.pid != request->pid ||
	    again.count != request->count)
		abort();
	for (int i = 0; i < request->count; i++)
		if (strcmp(again.words[i], request->words[i]) != 0)
			abort();
}

static void use_line(const char *line, size_t len)
{
	static struct control_request request;
	static struct options options;
	struct dest dest;
	const struct ctl_command *command;

	if (control_parse(&request, line, len) || !request.count)
		return;
	/* a first word that begins so would be taken for a process's number */
	if (request.words[0][0] != '@' && request.words[0][0])
		say_again(&request);
	command = ctl_command_find(request.words[0]);
	if (command)
		use_args(&request, &command->syntax);
	for (int i = 1; i < request.count; i++) {
		fuzz_use(ctl_set_one(&options, request.words[i]));
		dest_parse(&dest, request.words[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const char *at = (const char *)bytes, *end = at + len;

	while (at < end) {
		const char *line_end = memchr(at, '\n', end - at);
		size_t line_len = (line_end ? line_end : end) - at;

		use_line(at, line_len);
		at += line_len + 1;
	}
	return 0;
}
