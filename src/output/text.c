#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "formats.h"
#include "units.h"
#include "utf8.h"

enum { WIDTH = 98, INDENT = 6, NAME = 44, PLACE = WIDTH - INDENT - NAME - 2, MODULE = 22 };
enum { SITES = 10, MODULES = 8 };

struct style { /* escape sequences, or empty strings */
	const char *bold, *good, *bad, *dim, *plain;
};

static const struct style colour = { "\033[1m", "\033[32m", "\033[31m", "\033[2m", "\033[0m" };
static const struct style monochrome = { "", "", "", "", "" };

static const char *short_path(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

/* Prints text broken between words, every line indented. */
static void put_wrapped(FILE *out, int indent, const char *text)
{
	int column = 0;

	while (*text) {
		int len = strcspn(text, " ");

		if (column && column + 1 + len > WIDTH - indent) {
			fputc('\n', out);
			column = 0;
		}
		column += column ? fprintf(out, " %.*s", len, text)
				 : fprintf(out, "%*s%.*s", indent, "", len, text) - indent;
		text += len + strspn(text + len, " ");
	}
	fputc('\n', out);
}

static void put_head(FILE *out, const struct report *report, const struct style *style)
{
	char name[UTF8_FIT(WIDTH)], line[UTF8_FIT(WIDTH - 2)];
	const char *what = report->ending ? report->ending : "ended";
	char *command;
	size_t len;
	FILE *words;

	utf8_fit(name, report->exe ? short_path(report->exe) : "?", 40, 20);
	fprintf(out, "%salloctrace report: %s (pid %d)", style->bold, name, report->pid);
	if (!strcmp(report->reason, "exit"))
		fprintf(out, " %s after %s", what, in_time(report->time_ms));
	else if (!strcmp(report->reason, "detach"))
		fprintf(out, ", left running after %s", in_time(report->time_ms));
	else
		fprintf(out, ", running for %s", in_time(report->time_ms));
	fprintf(out, "%s\n", style->plain);

	words = open_memstream(&command, &len);
	if (!words)
		return;
	for (size_t i = 0; report->cmdline && report->cmdline[i]; i++)
		fprintf(words, "%s%s", i ? " " : "", report->cmdline[i]);
	if (!fclose(words) && len)
		fprintf(out, "  %s\n", utf8_fit(line, command, WIDTH - 2, WIDTH - 5));
	free(command);
}

static void put_totals(FILE *out, const struct report *report, const struct style *style)
{
	const struct heap_totals *totals = heap_totals(report->heap);
	uint64_t live, total;

	heap_threads(report->heap, &live, &total);
	fprintf(out, "\n  %-9s  %s%10s%s in %s\n",
		strcmp(report->reason, "exit") ? "live now" : "left over", style->bold,
		in_bytes(totals->live_bytes), style->plain, in_count(totals->live_blocks, "block"));
	fprintf(out, "  at most    %10s\n", in_bytes(totals->peak_live_bytes));
	fprintf(out, "  allocated  %10s in %s\n", in_bytes(totals->bytes_allocated),
		in_count(totals->allocs, "block"));
	fprintf(out, "  freed      %10s in %s\n", in_bytes(totals->bytes_freed),
		in_count(totals->frees, "block"));
	fprintf(out, "  threads    %10s", in_digits(total));
	if (live && live != total)
		fprintf(out, ", %s of them alive", in_digits(live));
	fprintf(out, "\n\n");
}

struct sentence {
	FILE *out;
	int parts;
};

/* Adds one part of an enumeration: "Not seen: a, b, c." */
__attribute__((format(printf, 3, 4)))
static void part(struct sentence *sentence, const char *opening, const char *format, ...)
{
	va_list args;

	fputs(sentence->parts++ ? ", " : opening, sentence->out);
	va_start(args, format);
	vfprintf(sentence->out, format, args);
	va_end(args);
}

static void tell_gaps(FILE *out, const struct heap_ledger *ledger)
{
	static const char opening[] = "This picture has gaps: ";
	struct sentence gaps = { out, 0 };

	if (ledger->missed_calls)
		part(&gaps, opening, "%s whose end was not seen",
		     in_count(ledger->missed_calls, "call"));
	if (ledger->unknown_frees)
		part(&gaps, opening, "%s of blocks nobody was seen to allocate",
		     in_count(ledger->unknown_frees, "free"));
	if (ledger->truncated_stacks)
		part(&gaps, opening, "%s cut short", in_count(ledger->truncated_stacks, "stack"));
	if (gaps.parts)
		fputs(". ", out);
}

static void tell_modules(FILE *out, const struct heap_ledger *ledger)
{
	struct sentence names = { out, 0 };
	size_t count = ledger->unsymbolised_module_count;
	char name[UTF8_FIT(PLACE)];

	for (size_t i = 0; i < count && i < MODULES; i++)
		part(&names, "Some frames have no name in ", "%s",
		     utf8_fit(name, short_path(ledger->unsymbolised_modules[i]), PLACE, 0));
	if (count > MODULES)
		part(&names, "", "and %s more", in_digits(count - MODULES));
	if (count)
		fputs(". ", out);
}

/* What is missing, or a fault of the target; empty when there is none. */
static void tell_trouble(FILE *out, const struct heap_ledger *ledger)
{
	tell_gaps(out, ledger);
	if (ledger->double_frees)
		fprintf(out, "%s of a block already freed: an error of the program. ",
			in_count(ledger->double_frees, "free"));
	tell_modules(out, ledger);
	for (size_t i = 0; i < ledger->note_count; i++) {
		const char *note = ledger->notes[i];
		size_t len = strlen(note);

		fprintf(out, "%s%s ", note, len && note[len - 1] == '.' ? "" : ".");
	}
}

/* What is worth knowing and takes nothing from the picture. */
static void tell_aside(FILE *out, const struct heap_ledger *ledger)
{
	if (ledger->loader_frees)
		fprintf(out, "%s of what the dynamic loader handed out itself. ",
			in_count(ledger->loader_frees, "free"));
	if (ledger->stalls)
		fprintf(out, "The program waited for the analysis %s. ",
			in_count(ledger->stalls, "time"));
}

static bool put_told(FILE *out, void (*tell)(FILE *, const struct heap_ledger *),
		     const struct heap_ledger *ledger, const char *before, const char *after)
{
	char *text, *clean;
	size_t len;
	FILE *memory = open_memstream(&text, &len);

	if (!memory)
		return false;
	tell(memory, ledger);
	if (fclose(memory) || !len) {
		free(text);
		return false;
	}
	clean = malloc(UTF8_FIT(len));
	if (clean) {
		fputs(before, out);
		put_wrapped(out, 2, utf8_fit(clean, text, len, 0));
		fputs(after, out);
	}
	free(clean);
	free(text);
	return true;
}

/* Whether the picture is whole. */
static bool put_ledger(FILE *out, const struct heap_ledger *ledger, const struct style *style)
{
	bool whole = !put_told(out, tell_trouble, ledger, style->bad, style->plain);

	if (whole)
		fprintf(out, "  %sNothing was missed: every call seen, every stack whole.%s\n",
			style->good, style->plain);
	put_told(out, tell_aside, ledger, "", "");
	return whole;
}

/* Where a frame stands: module, and file:line when known. */
static void frame_place(char *out, const struct heap_frame *frame)
{
	char line[24] = "", module[UTF8_FIT(MODULE)] = "", file[UTF8_FIT(PLACE)] = "";

	if (frame->module && frame->function)
		utf8_fit(module, short_path(frame->module), MODULE, MODULE / 2);
	if (frame->file) {
		if (frame->line > 0)
			snprintf(line, sizeof(line), ":%d", frame->line);
		utf8_fit(file, frame->file, PLACE - utf8_columns(module) - 2 - strlen(line), 0);
	}
	snprintf(out, UTF8_FIT(PLACE), "%s%s%s%s", module, *module && *file ? "  " : "", file,
		 line);
}

static void frame_name(char *out, const struct heap_frame *frame, size_t columns)
{
	char tail[40] = "";
	const char *name = frame->function;

	if (!name && frame->module)
		name = short_path(frame->module);
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
		      const struct style *style)
{
	char name[UTF8_FIT(WIDTH)], place[UTF8_FIT(PLACE)];
	size_t room, width;

	frame_place(place, frame);
	room = WIDTH - INDENT - 2 - utf8_columns(place);
	frame_name(name, frame, room);
	width = utf8_columns(name);
	fprintf(out, "%*s%s", INDENT, "", name);
	if (*place)
		fprintf(out, "%*s  %s%s%s", width < NAME ? (int)(NAME - width) : 0, "", style->dim,
			place, style->plain);
	if (repeats > 1)
		fprintf(out, "  x %s", in_digits(repeats));
	fputc('\n', out);
}

static void put_stack(FILE *out, struct heap *heap, uint32_t site, const struct style *style)
{
	size_t count, repeats;
	const struct heap_frame *stack = heap_stack(heap, site, &count);

	for (size_t i = 0; i < count; i += repeats) {
		repeats = 1;
		while (i + repeats < count && !stack[i].inlined && !stack[i + repeats].inlined &&
		       stack[i + repeats].address == stack[i].address)
			repeats++;
		put_frame(out, &stack[i], repeats, style);
	}
	if (!count)
		fprintf(out, "%*s(no stack)\n", INDENT, "");
}

static void put_site(FILE *out, const struct report *report, const struct heap_site *site,
		     size_t rank, const struct style *style)
{
	uint64_t live_bytes = heap_totals(report->heap)->live_bytes;
	char function[UTF8_FIT(NAME)];

	fprintf(out, "\n%s%3zu. %s in %s%s, %s of the bytes, by %s\n", style->bold, rank,
		in_bytes(site->live_bytes), in_count(site->live_blocks, "block"), style->plain,
		in_share(site->live_bytes, live_bytes),
		utf8_fit(function, site->function, NAME, NAME / 2));
	fprintf(out, "     %s, %s, at most %s;", in_count(site->allocs, "allocation"),
		in_count(site->frees, "free"), in_bytes(site->peak_bytes));
	if (site->allocs > 1)
		fprintf(out, " first after %s, last after", in_time(site->first_ms));
	else
		fprintf(out, " after");
	fprintf(out, " %s\n", in_time(site->last_ms));
	put_stack(out, report->heap, site->id, style);
}

/* Sorted by what is held now, sites that hold nothing are not worth a line. */
static size_t keep_holders(struct heap_site *sites, size_t count, enum heap_sort sort)
{
	size_t kept = 0;

	if (sort != HEAP_BY_BYTES && sort != HEAP_BY_BLOCKS)
		return count;
	for (size_t i = 0; i < count; i++)
		if (sites[i].live_blocks)
			sites[kept++] = sites[i];
	return kept;
}

static void put_sites(FILE *out, const struct report *report, const struct heap_site *sites,
		      size_t count, size_t shown, const struct style *style)
{
	static const char *const order[] = {
		[HEAP_BY_BYTES] = "hold the most bytes",
		[HEAP_BY_BLOCKS] = "hold the most blocks",
		[HEAP_BY_CALLS] = "allocated most often",
		[HEAP_BY_PEAK] = "held the most at their peak",
	};
	uint64_t blocks = 0, bytes = 0;

	fprintf(out, "\n  Sites that %s (%s of %s):\n", order[report->sort], in_digits(shown),
		in_digits(count));
	for (size_t i = 0; i < shown; i++)
		put_site(out, report, &sites[i], i + 1, style);
	if (shown == count)
		return;
	for (size_t i = shown; i < count; i++) {
		blocks += sites[i].live_blocks;
		bytes += sites[i].live_bytes;
	}
	fprintf(out, "\n  Not shown: %s holding %s in %s; --top N shows more.\n",
		in_count(count - shown, "site"), in_bytes(bytes), in_count(blocks, "block"));
}

static void put_nothing_live(FILE *out, const struct heap_totals *totals, bool whole)
{
	if (!totals->allocs)
		fprintf(out, "\n  Nothing was allocated%s.\n", whole ? "" : " that was seen");
	else if (whole)
		fprintf(out, "\n  All clean: every block was given back.\n");
	else
		fprintf(out, "\n  Every block that was seen was given back.\n");
}

static void put_functions(FILE *out, const struct heap *heap)
{
	const struct heap_function *functions;
	size_t count = heap_functions(heap, &functions);
	char name[UTF8_FIT(NAME)];

	if (!count)
		return;
	fprintf(out, "\n  %-*s  %14s  %10s\n", NAME, "function", "calls", "bytes");
	for (size_t i = 0; i < count; i++) {
		const struct heap_function *f = &functions[i];

		utf8_fit(name, f->name, NAME, NAME / 2);
		fprintf(out, "  %s%*s  %14s  %10s", name, (int)(NAME - utf8_columns(name)), "",
			in_digits(f->calls), f->kind == HEAP_FREE ? "-" : in_bytes(f->bytes));
		if (f->null)
			fprintf(out, "  %s of NULL", in_digits(f->null));
		if (f->failed)
			fprintf(out, "  %s failed", in_digits(f->failed));
		fputc('\n', out);
	}
}

void text_write(FILE *out, const struct report *report)
{
	const struct style *style = report->colour ? &colour : &monochrome;
	const struct heap_totals *totals = heap_totals(report->heap);
	size_t count, depth, shown = report->top ? report->top : SITES;
	struct heap_site *sites = heap_sites(report->heap, report->sort, &count);
	bool whole;

	count = keep_holders(sites, count, report->sort);
	if (shown > count)
		shown = count;
	/* The ledger, which comes first, learns from the stacks. */
	for (size_t i = 0; i < shown; i++)
		heap_stack(report->heap, sites[i].id, &depth);

	put_head(out, report, style);
	put_totals(out, report, style);
	whole = put_ledger(out, heap_ledger(report->heap), style);
	if (!totals->live_blocks)
		put_nothing_live(out, totals, whole);
	if (shown)
		put_sites(out, report, sites, count, shown, style);
	put_functions(out, report->heap);
	free(sites);
}
