/* A row for each site, RFC 4180, with a header. */
#include <inttypes.h>
#include <stdlib.h>

#include "formats.h"
#include "frame.h"
#include "utf8.h"

static void put_text(FILE *out, const char *text)
{
	char *clean = text ? utf8_clean(text) : NULL;

	fputc('"', out);
	for (const char *at = clean ? clean : ""; *at; at++) {
		if (*at == '"')
			fputc('"', out);
		fputc(*at, out);
	}
	fputc('"', out);
	if (clean != text)
		free(clean);
}

static void put_place(FILE *out, struct heap *heap, uint32_t site)
{
	size_t count;
	const struct heap_frame *frame = heap_stack(heap, site, &count);

	put_text(out, count ? frame->function : NULL);
	fputc(',', out);
	put_text(out, count ? frame->module : NULL);
	fputc(',', out);
	put_text(out, count ? frame->file : NULL);
	fputc(',', out);
	if (count && frame->line > 0)
		fprintf(out, "%d", frame->line);
	fputc(',', out);
}

static void put_site(FILE *out, struct heap *heap, const struct heap_site *site)
{
	const uint64_t numbers[] = { site->id, site->live_bytes, site->live_blocks, site->allocs,
		                     site->frees, site->peak_bytes, site->at_peak_bytes,
		                     site->at_peak_blocks, site->first_ms, site->last_ms };
	char *stack = frame_fold(heap, site);

	for (size_t i = 0; i < countof(numbers); i++)
		fprintf(out, "%" PRIu64 ",", numbers[i]);
	put_text(out, site->function);
	fputc(',', out);
	put_place(out, heap, site->id);
	put_text(out, stack);
	fputs("\r\n", out);
	free(stack);
}

void csv_write(FILE *out, const struct report *report)
{
	size_t count;
	struct heap_site *sites = heap_sites(report->heap, &report->query, &count);

	if (report->top && count > report->top)
		count = report->top;
	fputs("site,live_bytes,live_blocks,allocs,frees,peak_bytes,at_peak_bytes,at_peak_blocks,"
	      "first_ms,last_ms,function,caller,module,file,line,stack\r\n", out);
	for (size_t i = 0; i < count; i++)
		put_site(out, report->heap, &sites[i]);
	free(sites);
}
