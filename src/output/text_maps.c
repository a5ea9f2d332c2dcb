#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "text.h"
#include "units.h"
#include "utf8.h"

enum { SITES = 10, LIBRARIES = 5, MAPPINGS = 20 };

/* ---- maps ---------------------------------------------------------------------------- */

static const char *const states[] = {
	[HEAP_MAPS_OFF] = "", [HEAP_MAPS_UNKNOWN] = "",
	[HEAP_MAPS_IDENTICAL] = "; identical to the kernel's list",
	[HEAP_MAPS_DIFFER] = "; not what the kernel's list says",
};

static void put_net(FILE *out, const struct heap_maps *maps)
{
	bool more = maps->net_bytes >= 0;
	uint64_t bytes = more ? (uint64_t)maps->net_bytes : -(uint64_t)maps->net_bytes;

	fprintf(out, "\n  Mapped: %s, %s %s than at first%s\n", in_bytes(maps->bytes),
		in_bytes(bytes), more ? "more" : "less", states[maps->state]);
}

static void put_origins(FILE *out, const struct heap_maps *maps)
{
	char name[UTF8_FIT(TEXT_NAME)];

	for (size_t i = 0; i < maps->origin_count; i++) {
		const struct heap_mapped *origin = &maps->origins[i];

		if (!origin->maps)
			continue;
		fprintf(out, "    %10s", in_bytes(origin->bytes));
		if (maps->resident_known)
			fprintf(out, ", %10s in memory,", in_bytes(origin->resident));
		fprintf(out, " in %s by %s\n", in_count(origin->maps, "map"),
			utf8_fit(name, origin->name, TEXT_NAME, TEXT_NAME / 2));
	}
}

/* ---- the kernel's figures ---------------------------------------------------------------- */

static const char *change(int64_t bytes)
{
	static char texts[2][24];
	static unsigned next;
	char *text = texts[next++ % 2];
	uint64_t size = bytes < 0 ? -(uint64_t)bytes : (uint64_t)bytes;

	snprintf(text, sizeof(texts[0]), "%s%s", bytes < 0 ? "-" : bytes ? "+" : "", in_bytes(size));
	return text;
}

static void put_vm(FILE *out, const struct heap *heap)
{
	const struct heap_vm_figure *figures;
	size_t count = heap_vm(heap, &figures);

	if (count)
		fprintf(out, "\n  %-10s  %12s  %12s  %12s\n", "status", "now", "since last",
			"since start");
	for (size_t i = 0; i < count; i++)
		if (figures[i].bytes || figures[i].since_last || figures[i].since_start)
			fprintf(out, "  %-10s  %12s  %12s  %12s\n", figures[i].name,
				in_bytes(figures[i].bytes), change(figures[i].since_last),
				change(figures[i].since_start));
}

/* ---- what the memory is for -------------------------------------------------------------- */

static void put_rss(FILE *out, struct heap *heap)
{
	struct heap_rss rss = heap_rss(heap);

	if (!rss.bytes)
		return;
	fprintf(out, "\n  In memory: %s (VmRSS), of them\n", in_bytes(rss.bytes));
	for (size_t i = 0; i < rss.part_count; i++)
		if (rss.parts[i].bytes)
			fprintf(out, "    %10s  %s\n", in_bytes(rss.parts[i].bytes),
				rss.parts[i].name);
	fprintf(out, "    %10s  not accounted for\n",
		rss.unaccounted ? change(rss.unaccounted) : in_bytes(0));
	text_put_wrapped(out, 2, rss.verdict);
	if (rss.live_absent)
		fprintf(out, "  %s of live blocks are not in memory: never touched, or swapped out.\n",
			in_bytes(rss.live_absent));
}

static void put_libraries(FILE *out, struct heap *heap)
{
	size_t count, shown;
	struct heap_library *libraries = heap_libraries(heap, &count);
	char name[UTF8_FIT(TEXT_NAME)];

	shown = count < LIBRARIES ? count : LIBRARIES;
	if (shown)
		fprintf(out, "\n  In memory by library (%s of %s):\n", in_digits(shown),
			in_digits(count));
	for (size_t i = 0; i < shown; i++) {
		fprintf(out, "    %10s mapped by it, ", in_bytes(libraries[i].mapped_resident));
		fprintf(out, "%10s of its file: %s\n", in_bytes(libraries[i].file_resident),
			utf8_fit(name, libraries[i].path, TEXT_NAME, TEXT_NAME / 2));
	}
	free(libraries);
}

void text_maps_put(FILE *out, const struct report *report)
{
	struct heap_maps maps = heap_maps(report->heap);

	if (maps.state == HEAP_MAPS_OFF)
		return;
	put_net(out, &maps);
	put_origins(out, &maps);
	if (maps.unordered)
		fprintf(out, "  The order of %s is not known.\n", in_count(maps.unordered, "such call"));
	put_vm(out, report->heap);
	put_rss(out, report->heap);
	if (report->growth)
		put_libraries(out, report->heap);
}

/* ---- each by itself --------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
	const struct heap_mapping *x = a, *y = b;

	if (x->size != y->size)
		return x->size > y->size ? -1 : 1;
	return x->address < y->address ? -1 : x->address > y->address;
}

static void put_mapping(FILE *out, const struct heap_mapping *mapping)
{
	char name[UTF8_FIT(TEXT_NAME)];

	fprintf(out, "  %14" PRIx64 "  %12s  %c%c%c%c  %-12s", mapping->address,
		in_bytes(mapping->size), mapping->prot & PROT_READ ? 'r' : '-',
		mapping->prot & PROT_WRITE ? 'w' : '-', mapping->prot & PROT_EXEC ? 'x' : '-',
		mapping->shared ? 's' : 'p', mapping->origin);
	if (mapping->block)
		fprintf(out, "  the block %" PRIx64, mapping->block);
	else if (mapping->file)
		fprintf(out, "  %s", utf8_fit(name, mapping->file, TEXT_NAME, TEXT_NAME / 2));
	fputc('\n', out);
}

void text_mappings_put(FILE *out, const struct report *report)
{
	size_t count, shown = report->top ? report->top : MAPPINGS;
	struct heap_mapping *list = heap_mappings(report->heap, report->query.now_ms, &count);

	if (shown > count)
		shown = count;
	if (count)
		qsort(list, count, sizeof(*list), by_size);
	if (shown)
		fprintf(out, "\n  Largest mappings (%s of %s):\n", in_digits(shown), in_digits(count));
	for (size_t i = 0; i < shown; i++)
		put_mapping(out, &list[i]);
	free(list);
}

/* ---- sites --------------------------------------------------------------------------------- */

static void put_site(FILE *out, struct heap *heap, const struct heap_map_site *site, size_t rank,
		     bool resident, const struct text_style *style)
{
	fprintf(out, "\n%s%3zu. %s in %s, by %s%s\n", style->bold, rank, in_bytes(site->bytes),
		in_count(site->maps, "map"), site->call, style->plain);
	fprintf(out, "     for %s; ", site->origin);
	if (resident)
		fprintf(out, "%s in memory; ", in_bytes(site->resident));
	fprintf(out, "%s, the last after %s\n", in_count(site->calls, "call"),
		in_time(site->last_ms));
	text_stack_put(out, heap, site->id, style);
}

void text_map_sites_put(FILE *out, const struct report *report, const struct text_style *style)
{
	size_t count, shown = report->top ? report->top : SITES;
	struct heap_map_site *sites = heap_map_sites(report->heap, &count);
	bool resident = heap_maps(report->heap).resident_known;

	if (shown > count)
		shown = count;
	if (shown)
		fprintf(out, "\n  Sites that map the most (%s of %s):\n", in_digits(shown),
			in_digits(count));
	for (size_t i = 0; i < shown; i++)
		put_site(out, report->heap, &sites[i], i + 1, resident, style);
	free(sites);
}
