#include <string.h>

#include "suppressed.h"
#include "text.h"
#include "units.h"
#include "utf8.h"

enum { SITES = 10 };

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
	text_stack_put(out, report->heap, site->id, style);
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
