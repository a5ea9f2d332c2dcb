#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "formats.h"
#include "shortage.h"
#include "suppressed.h"
#include "text.h"
#include "units.h"
#include "utf8.h"

enum { MODULES = 8 };

static const struct text_style colour = { "\033[1m", "\033[32m", "\033[31m", "\033[2m", "\033[0m" };
static const struct text_style monochrome = { "", "", "", "", "" };

void text_put_wrapped(FILE *out, int indent, const char *text)
{
	int column = 0;

	while (*text) {
		int len = strcspn(text, " ");

		if (column && column + 1 + len > TEXT_WIDTH - indent) {
			fputc('\n', out);
			column = 0;
		}
		column += column ? fprintf(out, " %.*s", len, text)
				 : fprintf(out, "%*s%.*s", indent, "", len, text) - indent;
		text += len + strspn(text + len, " ");
	}
	fputc('\n', out);
}

/* Of a report that is one of many. */
static void put_date(FILE *out, const struct report *report)
{
	time_t at = (time_t)report->date_s;
	char text[64];
	struct tm tm;

	if (strcmp(report->reason, "interval") == 0 && at && gmtime_r(&at, &tm) &&
	    strftime(text, sizeof(text), "%b %d %Y %T UTC", &tm))
		fprintf(out, "  %s\n", text);
}

static void put_head(FILE *out, const struct report *report, const struct text_style *style)
{
	char name[UTF8_FIT(TEXT_WIDTH)], line[UTF8_FIT(TEXT_WIDTH - 2)];
	const char *what = report->ending ? report->ending : "ended";
	char *command;
	size_t len;
	FILE *words;

	utf8_fit(name, report->exe ? text_short_path(report->exe) : "?", 40, 20);
	fprintf(out, "%salloctrace report: %s (pid %d)", style->bold, name, report->pid);
	if (!strcmp(report->reason, "exit"))
		fprintf(out, " %s after %s", what, in_time(report->time_ms));
	else if (!strcmp(report->reason, "detach"))
		fprintf(out, ", left running after %s", in_time(report->time_ms));
	else
		fprintf(out, ", running for %s", in_time(report->time_ms));
	fprintf(out, "%s\n", style->plain);
	put_date(out, report);
	words = open_memstream(&command, &len);
	if (!words)
		return;
	for (size_t i = 0; report->cmdline && report->cmdline[i]; i++)
		fprintf(words, "%s%s", i ? " " : "", report->cmdline[i]);
	if (shortage_close(words) && len)
		fprintf(out, "  %s\n", utf8_fit(line, command, TEXT_WIDTH - 2, TEXT_WIDTH - 5));
	free(command);
}

static void put_totals(FILE *out, const struct report *report, const struct text_style *style)
{
	const struct heap_totals *totals = heap_totals(report->heap);
	uint64_t live, total;

	heap_threads(report->heap, &live, &total);
	fprintf(out, "\n  %-9s  %s%10s%s in %s\n",
		strcmp(report->reason, "exit") ? "live now" : "left over", style->bold,
		in_bytes(totals->live_bytes), style->plain, in_count(totals->live_blocks, "block"));
	fprintf(out, "  at most    %10s", in_bytes(totals->peak_live_bytes));
	if (totals->peak_live_bytes)
		fprintf(out, " after %s", in_time(totals->peak_ms));
	fputc('\n', out);
	if (totals->inherited_blocks)
		fprintf(out, "  inherited  %10s in %s\n", in_bytes(totals->inherited_bytes),
			in_count(totals->inherited_blocks, "block"));
	fprintf(out, "  allocated  %10s in %s\n", in_bytes(totals->bytes_allocated),
		in_count(totals->allocs, "block"));
	fprintf(out, "  freed      %10s in %s\n", in_bytes(totals->bytes_freed),
		in_count(totals->frees, "block"));
	if (totals->forgotten_blocks)
		fprintf(out, "  not known  %10s in %s\n", in_bytes(totals->forgotten_bytes),
			in_count(totals->forgotten_blocks, "block"));
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
	char name[UTF8_FIT(TEXT_PLACE)];

	for (size_t i = 0; i < count && i < MODULES; i++)
		part(&names, "Some frames have no name in ", "%s",
		     utf8_fit(name, text_short_path(ledger->unsymbolised_modules[i]), TEXT_PLACE, 0));
	if (count > MODULES)
		part(&names, "", "and %s more", in_digits(count - MODULES));
	if (count)
		fprintf(out, ": stripped; a debug package, --debug-dir or DEBUGINFOD_URLS "
		             "names them. ");
}

/* What is missing, or a fault of the target; empty when there is none. */
static void tell_trouble(FILE *out, const struct heap_ledger *ledger)
{
	tell_gaps(out, ledger);
	if (ledger->double_frees)
		fprintf(out, "%s of a block already freed: an error of the program. ",
			in_count(ledger->double_frees, "free"));
	for (size_t i = 0; i < ledger->note_count; i++) {
		const char *note = ledger->notes[i];
		size_t len = strlen(note);

		fprintf(out, "%s%s ", note, len && note[len - 1] == '.' ? "" : ".");
	}
}

/* What is worth knowing and takes nothing from the picture. */
static void tell_aside(FILE *out, const struct heap_ledger *ledger)
{
	const char *begin = ledger->off_times ? "it was switched on" : "the attach";

	if (ledger->earlier_frees)
		fprintf(out, "%s of blocks from before %s. ",
			in_count(ledger->earlier_frees, "free"), begin);
	if (ledger->earlier_calls)
		fprintf(out, "%s had begun before %s. ",
			in_count(ledger->earlier_calls, "call"), begin);
	if (ledger->text == HEAP_TEXT_IDENTICAL)
		fprintf(out, "Let go: target text verified identical. ");
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
	char *text = NULL, *clean;
	size_t len;
	FILE *memory = open_memstream(&text, &len);

	if (!memory)
		return false;
	tell(memory, ledger);
	if (!shortage_close(memory) || !len) {
		free(text);
		return false;
	}
	clean = malloc(UTF8_FIT(len));
	if (clean) {
		fputs(before, out);
		text_put_wrapped(out, 2, utf8_fit(clean, text, len, 0));
		fputs(after, out);
	}
	free(clean);
	free(text);
	return true;
}

/* Whether the picture is whole. */
static bool put_ledger(FILE *out, const struct heap_ledger *ledger, const struct text_style *style)
{
	bool whole = !put_told(out, tell_trouble, ledger, style->bad, style->plain);

	if (whole)
		fprintf(out, "  %sNothing was missed: every call seen, every stack whole.%s\n",
			style->good, style->plain);
	put_told(out, tell_modules, ledger, style->bad, style->plain);
	put_told(out, tell_aside, ledger, "", "");
	return whole;
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
	char name[UTF8_FIT(TEXT_NAME)];

	if (!count)
		return;
	fprintf(out, "\n  %-*s  %14s  %10s\n", TEXT_NAME, "function", "calls", "bytes");
	for (size_t i = 0; i < count; i++) {
		const struct heap_function *f = &functions[i];

		utf8_fit(name, f->name, TEXT_NAME, TEXT_NAME / 2);
		fprintf(out, "  %s%*s  %14s  %10s", name, (int)(TEXT_NAME - utf8_columns(name)), "",
			in_digits(f->calls), f->kind == HEAP_FREE ? "-" : in_bytes(f->bytes));
		if (f->null)
			fprintf(out, "  %s of NULL", in_digits(f->null));
		if (f->failed)
			fprintf(out, "  %s failed", in_digits(f->failed));
		fputc('\n', out);
	}
}

static void write_growth(FILE *out, const struct report *report, const struct text_style *style)
{
	put_head(out, report, style);
	text_maps_put(out, report);
	text_map_sites_put(out, report, style);
	if (report->blocks)
		text_mappings_put(out, report);
	put_told(out, tell_trouble, heap_ledger(report->heap), style->bad, style->plain);
	put_told(out, tell_aside, heap_ledger(report->heap), "", "");
}

void text_tell(FILE *out, const struct report *report, const struct heap_error *error)
{
	text_error_at_once(out, report, error, report->colour ? &colour : &monochrome);
}

void text_write(FILE *out, const struct report *report)
{
	const struct text_style *style = report->colour ? &colour : &monochrome;
	const struct heap_totals *totals = heap_totals(report->heap);
	struct text_sites sites;
	bool whole;

	if (report->growth) {
		write_growth(out, report, style);
		return;
	}
	/* The ledger, which comes first, learns from the stacks. */
	text_sites_find(&sites, report);
	put_head(out, report, style);
	put_totals(out, report, style);
	whole = put_ledger(out, heap_ledger(report->heap), style);
	if (!totals->live_blocks)
		put_nothing_live(out, totals, whole);
	text_errors_put(out, report, style);
	text_sites_put(out, report, &sites, style);
	suppressed_put(out, report);
	text_peak_put(out, report, &sites, style);
	if (report->blocks)
		text_blocks_put(out, report);
	put_functions(out, report->heap);
	text_maps_put(out, report);
	if (report->blocks)
		text_mappings_put(out, report);
	free(sites.list);
}
