#include <inttypes.h>
#include <string.h>

#include "text.h"
#include "units.h"
#include "utf8.h"

enum { MODULE = 22 };

const char *text_short_path(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

/* Where a frame stands: module, and file:line when known. */
static void frame_place(char *out, const struct heap_frame *frame)
{
	char line[24] = "", module[UTF8_FIT(MODULE)] = "", file[UTF8_FIT(TEXT_PLACE)] = "";

	if (frame->module && frame->function)
		utf8_fit(module, text_short_path(frame->module), MODULE, MODULE / 2);
	if (frame->file) {
		if (frame->line > 0)
			snprintf(line, sizeof(line), ":%d", frame->line);
		utf8_fit(file, frame->file, TEXT_PLACE - utf8_columns(module) - 2 - strlen(line), 0);
	}
	snprintf(out, UTF8_FIT(TEXT_PLACE), "%s%s%s%s", module, *module && *file ? "  " : "", file,
		 line);
}

void text_frame_name(char *out, const struct heap_frame *frame, size_t columns)
{
	char tail[40] = "";
	const char *name = frame->function;

	if (!name && frame->module)
		name = text_short_path(frame->module);
	if (!name)
		snprintf(tail, sizeof(tail), "0x%" PRIx64, frame->address);
	else if (frame->inlined)
		snprintf(tail, sizeof(tail), " (inlined)");
	else if (frame->module && (!frame->function || !frame->file)) /* a tag is nowhere */
		snprintf(tail, sizeof(tail), "+0x%" PRIx64, frame->offset);
	columns -= strlen(tail);
	strcat(utf8_fit(out, name ? name : "", columns, columns / 2), tail);
}

static void put_frame(FILE *out, const struct heap_frame *frame, size_t repeats,
		      const struct text_style *style)
{
	char name[UTF8_FIT(TEXT_WIDTH)], place[UTF8_FIT(TEXT_PLACE)];
	size_t room, width;

	frame_place(place, frame);
	room = TEXT_WIDTH - TEXT_INDENT - 2 - utf8_columns(place);
	text_frame_name(name, frame, room);
	width = utf8_columns(name);
	fprintf(out, "%*s%s", TEXT_INDENT, "", name);
	if (*place)
		fprintf(out, "%*s  %s%s%s", width < TEXT_NAME ? (int)(TEXT_NAME - width) : 0, "", style->dim,
			place, style->plain);
	if (repeats > 1)
		fprintf(out, "  x %s", in_digits(repeats));
	fputc('\n', out);
}

static bool is_nameless(const struct heap_frame *frame)
{
	return !frame->function && frame->module;
}

static size_t run_of_one_address(const struct heap_frame *stack, size_t count)
{
	size_t run = 1;

	while (run < count && !stack->inlined && !stack[run].inlined &&
	       stack[run].address == stack->address)
		run++;
	return run;
}

static size_t run_of_nameless(const struct heap_frame *stack, size_t count)
{
	size_t run = 0;

	while (run < count && is_nameless(&stack[run]) &&
	       strcmp(stack[run].module, stack->module) == 0)
		run++;
	return run;
}

/* A stripped module's frames are but numbers: side by side, innermost first. */
static void put_nameless(FILE *out, const struct heap_frame *stack, size_t count)
{
	char name[UTF8_FIT(MODULE)], offset[24];
	size_t column;

	utf8_fit(name, text_short_path(stack->module), MODULE, MODULE / 2);
	column = TEXT_INDENT + utf8_columns(name);
	fprintf(out, "%*s%s", TEXT_INDENT, "", name);
	for (size_t i = 0; i < count; i++) {
		size_t len = snprintf(offset, sizeof(offset), "+0x%" PRIx64, stack[i].offset);

		if (i && column + 1 + len > TEXT_WIDTH) {
			fprintf(out, "\n%*s", TEXT_INDENT + 2, "");
			column = TEXT_INDENT + 2;
		}
		column += fprintf(out, "%s%s", i ? " " : "", offset);
	}
	fputc('\n', out);
}

void text_stack_put(FILE *out, struct heap *heap, uint32_t site, const struct text_style *style)
{
	size_t count, run;
	const struct heap_frame *stack = heap_stack(heap, site, &count);

	for (size_t i = 0; i < count; i += run) {
		size_t same = run_of_one_address(stack + i, count - i);

		run = run_of_nameless(stack + i, count - i);
		if (run > same) {
			put_nameless(out, stack + i, run);
			continue;
		}
		run = same;
		put_frame(out, &stack[i], run, style);
	}
	if (!count)
		fprintf(out, "%*s(no stack)\n", TEXT_INDENT, "");
}
