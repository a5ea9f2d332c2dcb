#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "suppressed.h"
#include "text.h"
#include "units.h"
#include "utf8.h"

enum { SITES = 10, BLOCKS = 20, HOLDERS = 3, HOLDER = 32, MODULE = 22 };

const char *text_short_path(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

/* ---- stacks ----------------------------------------------------------------------- */

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

static void frame_name(char *out, const struct heap_frame *frame, size_t columns)
{
	char tail[40] = "";
	const char *name = frame->function;

	if (!name && frame->module)
		name = text_short_path(frame->module);
	if (!name)
		snprintf(tail, sizeof(tail), "0x%" PRIx64, frame->address);
	else if (frame->inlined)
		snprintf(tail, sizeof(tail), " (inlined)");
	else if (!frame->function || !frame->file)
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
	frame_name(name, frame, room);
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

static void put_stack(FILE *out, struct heap *heap, uint32_t site, const struct text_style *style)
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

/* ---- sites ------------------------------------------------------------------------ */

/* How much, and of what: the columns that the sites are sorted by. */
static void put_holding(FILE *out, const struct report *report, const struct heap_site *site)
{
	const struct heap_totals *totals = heap_totals(report->heap);
	bool peak = report->query.sort == HEAP_BY_PEAK;
	uint64_t bytes = peak ? site->at_peak_bytes : site->live_bytes;
	uint64_t blocks = peak ? site->at_peak_blocks : site->live_blocks;

	fprintf(out, "%s in %s%s, %s of %s", in_bytes(bytes), in_count(blocks, "block"),
	        peak ? " at the peak" : "",
	        in_share(bytes, peak ? totals->peak_live_bytes : totals->live_bytes),
	        peak ? "it" : "the bytes");
}

static void put_site(FILE *out, const struct report *report, const struct heap_site *site,
                     size_t rank, const struct text_style *style)
{
	char function[UTF8_FIT(TEXT_NAME)];

	fprintf(out, "\n%s%3zu. ", style->bold, rank);
	put_holding(out, report, site);
	fprintf(out, "%s, by %s\n", style->plain,
	        utf8_fit(function, site->function, TEXT_NAME, TEXT_NAME / 2));
	fprintf(out, "     %s, %s, at most %s;", in_count(site->allocs, "allocation"),
	        in_count(site->frees, "free"), in_bytes(site->peak_bytes));
	if (site->allocs > 1)
		fprintf(out, " first after %s, last after", in_time(site->first_ms));
	else
		fprintf(out, " after");
	fprintf(out, " %s\n", in_time(site->last_ms));
	put_stack(out, report->heap, site->id, style);
}

/* Sorted by what is held, sites that hold nothing are not worth a line. */
static bool is_worth_a_line(const struct heap_site *site, enum heap_sort sort)
{
	switch (sort) {
	case HEAP_BY_CALLS:
		return true;
	case HEAP_BY_PEAK:
		return site->at_peak_blocks;
	default:
		return site->live_blocks;
	}
}

void text_sites_find(struct text_sites *sites, const struct report *report)
{
	size_t kept = 0, depth;

	sites->list = heap_sites(report->heap, &report->query, &sites->count);
	for (size_t i = 0; i < sites->count; i++)
		if (is_worth_a_line(&sites->list[i], report->query.sort))
			sites->list[kept++] = sites->list[i];
	if (!strcmp(report->reason, "exit"))
		kept = suppressed_drop(report, sites->list, kept);
	sites->count = kept;
	sites->shown = report->top ? report->top : SITES;
	if (sites->shown > kept)
		sites->shown = kept;
	for (size_t i = 0; i < sites->shown; i++)
		heap_stack(report->heap, sites->list[i].id, &depth);
}

static void put_patterns(FILE *out, const char *what, const char *const *patterns, size_t count)
{
	char shown[UTF8_FIT(TEXT_NAME)];

	for (size_t i = 0; i < count; i++)
		fprintf(out, "%s \"%s\"", i ? " or" : what,
		        utf8_fit(shown, patterns[i], TEXT_NAME, TEXT_NAME / 2));
}

/* False: nothing is filtered. */
static bool put_filter(FILE *out, const struct heap_query *query)
{
	if (!query->min_size && !query->min_age_ms && !query->match_count && !query->hide_count)
		return false;
	if (query->min_size || query->min_age_ms)
		fprintf(out, "\n  Only blocks");
	if (query->min_size)
		fprintf(out, " of at least %s", in_bytes(query->min_size));
	if (query->min_age_ms)
		fprintf(out, " that are %s old or older", in_time(query->min_age_ms));
	if (query->match_count || query->hide_count)
		fprintf(out, "\n  Only stacks");
	put_patterns(out, " with", query->match, query->match_count);
	put_patterns(out, query->match_count ? ", but not with" : " without", query->hide,
	             query->hide_count);
	fputc('\n', out);
	return true;
}

static void put_rest(FILE *out, const struct text_sites *sites)
{
	uint64_t blocks = 0, bytes = 0;

	for (size_t i = sites->shown; i < sites->count; i++) {
		blocks += sites->list[i].live_blocks;
		bytes += sites->list[i].live_bytes;
	}
	fprintf(out, "\n  Not shown: %s holding %s in %s; --top N shows more.\n",
	        in_count(sites->count - sites->shown, "site"), in_bytes(bytes),
	        in_count(blocks, "block"));
}

void text_sites_put(FILE *out, const struct report *report, const struct text_sites *sites,
                    const struct text_style *style)
{
	static const char *const order[] = {
		[HEAP_BY_BYTES] = "hold the most bytes",
		[HEAP_BY_BLOCKS] = "hold the most blocks",
		[HEAP_BY_CALLS] = "allocated most often",
		[HEAP_BY_PEAK] = "held the most at the peak",
	};

	if (put_filter(out, &report->query) && !sites->shown)
		fprintf(out, "\n  No block left is one of these.\n");
	if (!sites->shown)
		return;
	fprintf(out, "\n  Sites that %s (%s of %s):\n", order[report->query.sort],
	        in_digits(sites->shown), in_digits(sites->count));
	for (size_t i = 0; i < sites->shown; i++)
		put_site(out, report, &sites->list[i], i + 1, style);
	if (sites->shown < sites->count)
		put_rest(out, sites);
}

/* ---- the peak, and blocks ----------------------------------------------------------- */

static bool is_wrapper(const struct heap_frame *frame)
{
	return frame->function &&
	       (strcasestr(frame->function, "alloc") || strstr(frame->function, "strdup"));
}

/* In one line: the innermost frame that is no allocator of the program's own (xmalloc),
 * or just the innermost. */
static void holder_name(char *out, const struct heap_frame *stack, size_t depth)
{
	size_t i = 0;

	*out = '\0';
	while (i < depth && is_wrapper(&stack[i]))
		i++;
	if (depth)
		frame_name(out, &stack[i < depth ? i : 0], HOLDER);
}

static void put_place_in_list(FILE *out, const struct text_sites *sites, uint32_t id)
{
	for (size_t i = 0; i < sites->shown; i++)
		if (sites->list[i].id == id)
			fprintf(out, " (site %zu)", i + 1);
}

static void put_holder(FILE *out, const struct report *report, const struct heap_site *site,
                       const struct text_sites *sites, const struct text_style *style)
{
	char function[UTF8_FIT(HOLDER)], name[UTF8_FIT(HOLDER)];
	size_t depth;
	const struct heap_frame *stack = heap_stack(report->heap, site->id, &depth);

	holder_name(name, stack, depth);
	fprintf(out, "    %10s in %s, by %s%s%s%s%s", in_bytes(site->at_peak_bytes),
	        in_count(site->at_peak_blocks, "block"),
	        utf8_fit(function, site->function, HOLDER, HOLDER / 2), depth ? " in " : "",
	        style->bold, name, style->plain);
	put_place_in_list(out, sites, site->id);
	fputc('\n', out);
}

/* Only where it is another picture than the one at the report. */
void text_peak_put(FILE *out, const struct report *report, const struct text_sites *shown,
                   const struct text_style *style)
{
	const struct heap_totals *totals = heap_totals(report->heap);
	struct heap_query query = report->query;
	struct heap_site *sites;
	size_t count;

	if (query.sort == HEAP_BY_PEAK || totals->peak_live_bytes <= totals->live_bytes)
		return;
	query.sort = HEAP_BY_PEAK;
	sites = heap_sites(report->heap, &query, &count);
	if (count && sites->at_peak_blocks)
		fprintf(out, "\n  At the peak of %s, after %s, most was held by:\n",
		        in_bytes(totals->peak_live_bytes), in_time(totals->peak_ms));
	for (size_t i = 0; i < count && i < HOLDERS && sites[i].at_peak_blocks; i++)
		put_holder(out, report, &sites[i], shown, style);
	free(sites);
}

static void put_block(FILE *out, struct heap *heap, const struct heap_block *block)
{
	char name[UTF8_FIT(HOLDER)];
	size_t depth;
	const struct heap_frame *stack = heap_stack(heap, block->site, &depth);

	holder_name(name, stack, depth);
	fprintf(out, "  0x%012" PRIx64 "  %12s  %12s  %8d  %s\n", block->address,
	        in_digits(block->size), in_time(block->age_ms), block->tid, name);
}

void text_blocks_put(FILE *out, const struct report *report)
{
	size_t count, shown = report->top ? report->top : BLOCKS;
	struct heap_block *blocks = heap_blocks(report->heap, &report->query, &count);

	if (shown > count)
		shown = count;
	fprintf(out, "\n  Largest blocks (%s of %s):\n", in_digits(shown), in_digits(count));
	if (shown)
		fprintf(out, "  %14s  %12s  %12s  %8s  %s\n", "address", "bytes", "age", "thread",
		        "allocated in");
	for (size_t i = 0; i < shown; i++)
		put_block(out, report->heap, &blocks[i]);
	free(blocks);
}
