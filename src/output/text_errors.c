#include <inttypes.h>

#include "text.h"
#include "units.h"
#include "utf8.h"

static void put_stack(FILE *out, struct heap *heap, uint32_t site, const struct text_style *style)
{
	if (site)
		text_stack_put(out, heap, site, style);
	else
		fprintf(out, "%*s(the stack is not known; --free-stacks keeps those of all frees)\n",
		        TEXT_INDENT, "");
}

static void put_what(FILE *out, const struct heap_error *error, const struct text_style *style)
{
	fprintf(out, "%s%s%s of 0x%" PRIx64, style->bad, heap_error_name(error->kind), style->plain,
	        error->address);
	if (error->kind == HEAP_MIDDLE_FREE)
		fprintf(out, ", %s into", in_digits(error->address - error->block));
	if (error->size)
		fprintf(out, "%s a block of %s", error->kind == HEAP_MIDDLE_FREE ? "" : ",",
		        in_bytes(error->size));
	fprintf(out, ", by %s in thread %d", error->function, error->tid);
	fprintf(out, " after %s", in_time(error->time_ms));
	if (error->count > 1)
		fprintf(out, ", %s times", in_digits(error->count));
	fputc('\n', out);
}

static void put_error(FILE *out, struct heap *heap, const struct heap_error *error,
                      const struct text_style *style)
{
	put_what(out, error, style);
	put_stack(out, heap, error->site, style);
	if (error->alloc_site) {
		fprintf(out, "    allocated:\n");
		text_stack_put(out, heap, error->alloc_site, style);
	}
	if (error->kind == HEAP_DOUBLE_FREE) {
		fprintf(out, "    freed before, after %s:\n", in_time(error->freed_ms));
		put_stack(out, heap, error->free_site, style);
	}
}

void text_errors_put(FILE *out, const struct report *report, const struct text_style *style)
{
	const struct heap_error *list;
	size_t count = heap_errors(report->heap, &list);

	if (count)
		fprintf(out, "\n  Errors of the program (%s):\n", in_digits(count));
	for (size_t i = 0; i < count; i++) {
		fprintf(out, "\n  ");
		put_error(out, report->heap, &list[i], style);
	}
}

void text_error_at_once(FILE *out, const struct report *report, const struct heap_error *error,
                        const struct text_style *style)
{
	char name[UTF8_FIT(TEXT_WIDTH)];

	utf8_fit(name, report->exe ? text_short_path(report->exe) : "?", 40, 20);
	fprintf(out, "%salloctrace: %s (pid %d)%s: ", style->bold, name, report->pid, style->plain);
	put_error(out, report->heap, error, style);
}
