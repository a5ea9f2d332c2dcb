#include "frame.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "shortage.h"
#include "utf8.h"

static void put_name(FILE *out, const char *name)
{
	char *clean = utf8_clean(name);

	for (const char *at = clean ? clean : ""; *at; at++)
		fputc(*at == ';' ? ':' : (unsigned char)*at < ' ' || *at == 0x7f ? '?' : *at, out);
	if (clean != name)
		free(clean);
}

static void put_frame(FILE *out, const struct heap_frame *frame)
{
	const char *slash = frame->module ? strrchr(frame->module, '/') : NULL;

	if (frame->function)
		put_name(out, frame->function);
	else if (frame->module)
		put_name(out, slash && slash[1] ? slash + 1 : frame->module);
	if (!frame->function)
		fprintf(out, "%s0x%" PRIx64, frame->module ? "+" : "", frame->offset);
	fprintf(out, "%s;", frame->inlined ? "_[i]" : "");
}

char *frame_fold(struct heap *heap, const struct heap_site *site)
{
	size_t count, len;
	const struct heap_frame *stack = heap_stack(heap, site->id, &count);
	char *text = NULL;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	for (size_t i = count; i-- > 0;)
		put_frame(out, &stack[i]);
	put_name(out, site->function);
	if (shortage_close(out))
		return text;
	free(text);
	return NULL;
}
