#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"

static int hex(char c)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	const char *at = c ? strchr(digits, c) : NULL;

	if (!at)
		return -1;
	return at - digits < 16 ? at - digits : at - digits - 6;
}

/* In place, which it never outgrows. */
static const char *decode(char *word)
{
	char *to = word;

	for (const char *at = word; *at; at++) {
		int high, low;

		if (*at != '%') {
			*to++ = *at;
			continue;
		}
		high = hex(at[1]);
		low = high < 0 ? -1 : hex(at[2]);
		if (low < 0)
			return "% is to be followed by two hexadecimal digits; itself it is %25";
		if (!high && !low)
			return "a word cannot have a zero byte in it";
		*to++ = (char)(high << 4 | low);
		at += 2;
	}
	*to = 0;
	return NULL;
}

static const char *split(struct control_request *request)
{
	char *rest = request->line, *word;
	const char *wrong = NULL;

	while (!wrong && (word = strsep(&rest, " "))) {
		if (!*word)
			continue;
		if (request->count == CONTROL_WORDS)
			return "too many words";
		wrong = decode(word);
		request->words[request->count++] = word;
	}
	request->words[request->count] = NULL;
	return wrong;
}

static const char *take_pid(struct control_request *request)
{
	char *end;
	long pid;

	if (!request->count || request->words[0][0] != '@')
		return NULL;
	pid = strtol(request->words[0] + 1, &end, 10);
	if (*end || pid <= 0 || pid > INT32_MAX)
		return "@ is to be followed by a process's number";
	request->pid = (int)pid;
	request->count--;
	memmove(request->words, request->words + 1,
	        (request->count + 1) * sizeof(*request->words));
	return NULL;
}

const char *control_parse(struct control_request *request, const char *line, size_t len)
{
	const char *wrong;

	request->pid = request->count = 0;
	request->words[0] = NULL;
	if (len && line[len - 1] == '\r') /* typed into telnet's like */
		len--;
	if (len >= sizeof(request->line))
		return "the line is too long";
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)line[i] < ' ' || (unsigned char)line[i] >= 0x7f)
			return "the line has a byte that is to be written as %XX";
	memcpy(request->line, line, len);
	request->line[len] = 0;
	wrong = split(request);
	return wrong ? wrong : take_pid(request);
}

/* False: there is no room. */
static bool put_word(FILE *to, const char *word)
{
	for (; *word; word++)
		if (*word > ' ' && *word < 0x7f && *word != '%')
			putc(*word, to);
		else
			fprintf(to, "%%%02x", (unsigned char)*word);
	return !ferror(to);
}

bool control_write_line(char line[CONTROL_LINE], int pid, int count, char *const words[])
{
	FILE *to = fmemopen(line, CONTROL_LINE, "w");
	bool whole = to;

	if (to && pid)
		fprintf(to, "@%d", pid);
	for (int i = 0; whole && i < count; i++) {
		if (i || pid)
			putc(' ', to);
		whole = put_word(to, words[i]);
	}
	if (to)
		whole &= putc('\n', to) != EOF && ftell(to) < CONTROL_LINE && fflush(to) == 0;
	if (to)
		fclose(to);
	return whole;
}
