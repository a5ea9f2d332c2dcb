#include "stream_formats.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "shortage.h"

#define TEXT_BYTES_MAX (64u << 20)

const struct stream_format stream_formats[] = {
	{ "mtrace", ".mtrace", true, false, mtrace_begin, mtrace_tell, NULL, mtrace_end, NULL },
	{ "mlog", ".mlog", false, true, mlog_begin, mlog_tell, NULL, mlog_end, NULL },
	{ "mlog1", ".mlog1", true, true, mlog_begin, mlog1_tell, NULL, mlog_end, NULL },
	{ "jsonl", ".jsonl", true, true, jsonl_begin, jsonl_tell, NULL, jsonl_end, jsonl_forget },
	{ "csv-orphan", NULL, true, false, orphan_begin, orphan_tell, orphan_flush, orphan_end,
	  orphan_forget },
};
const size_t stream_format_count = countof(stream_formats);

const struct stream_format *stream_by_name(const char *name, size_t len)
{
	for (size_t i = 0; i < stream_format_count; i++)
		if (strlen(stream_formats[i].name) == len &&
		    memcmp(stream_formats[i].name, name, len) == 0)
			return &stream_formats[i];
	return NULL;
}

const struct stream_format *stream_by_path(const char *path)
{
	size_t len = strlen(path);

	for (size_t i = 0; i < stream_format_count; i++) {
		const char *suffix = stream_formats[i].suffix;
		size_t tail = suffix ? strlen(suffix) : len;

		if (len > tail && strcmp(path + len - tail, suffix) == 0)
			return &stream_formats[i];
	}
	return NULL;
}

/* ---- texts of sites ------------------------------------------------------------------------- */

static void forget_texts(struct stream_process *process)
{
	struct table_slot *slot;

	for (size_t at = 0; (slot = table_next(&process->texts, &at));)
		free((char *)(uintptr_t)slot->value);
	table_deinit(&process->texts);
	process->texts = (struct table){ 0 };
	process->text_bytes = 0;
}

void stream_forget(const struct stream_format *format, struct stream_process *process)
{
	forget_texts(process);
	if (format->forget)
		format->forget(process);
	process->state = NULL;
}

/* Names can take long to find, and one site has many events. */
const char *stream_text(struct stream_process *process, uint32_t site,
                        void (*write)(FILE *, struct stream_process *, uint32_t site))
{
	uint64_t *known = site ? table_put(&process->texts, site) : NULL;
	char *text = NULL;
	size_t len;
	FILE *out;

	if (!known || *known)
		return known ? (const char *)(uintptr_t)*known : "";
	if (process->text_bytes > TEXT_BYTES_MAX) {
		forget_texts(process);
		return stream_text(process, site, write);
	}
	out = open_memstream(&text, &len);
	if (out)
		write(out, process, site);
	if (!out || !shortage_close(out)) {
		table_remove(&process->texts, site);
		free(text);
		return "";
	}
	process->text_bytes += len;
	*known = (uintptr_t)text;
	return text;
}

/* ---- words ---------------------------------------------------------------------------------- */

const char *stream_realloc_kind(const struct heap_event *event)
{
	if (!event->block)
		return event->gone && event->given ? "free" : "fail";
	if (!event->given)
		return "alloc";
	return event->block == event->given ? "inplace" : "move";
}

void stream_address_put(FILE *out, taddr_t addr)
{
	if (addr)
		fprintf(out, "0x%" PRIx64, heap_event_address(addr));
	else
		fputs("(nil)", out);
}

bool stream_is_word(const char *name)
{
	for (const char *at = name; *at; at++)
		if (*at <= ' ' || *at == 0x7f || *at == '(')
			return false;
	return *name;
}

void stream_line_put(FILE *out, const char *text)
{
	for (const unsigned char *at = (const unsigned char *)text; *at; at++)
		if (*at == '\n' || *at == '\r' || *at == '\\')
			fprintf(out, "\\%03o", *at);
		else
			putc_unlocked(*at, out);
}
