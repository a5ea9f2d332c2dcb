#include <inttypes.h>
#include <stdlib.h>

#include "text.h"
#include "units.h"
#include "utf8.h"

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

void text_maps_put(FILE *out, struct heap *heap)
{
	struct heap_maps maps = heap_maps(heap);
	char name[UTF8_FIT(TEXT_NAME)];

	if (maps.state == HEAP_MAPS_OFF)
		return;
	put_net(out, &maps);
	for (size_t i = 0; i < maps.origin_count; i++)
		if (maps.origins[i].maps)
			fprintf(out, "    %10s in %s by %s\n", in_bytes(maps.origins[i].bytes),
				in_count(maps.origins[i].maps, "map"),
				utf8_fit(name, maps.origins[i].name, TEXT_NAME, TEXT_NAME / 2));
	if (maps.unordered)
		fprintf(out, "  The order of %s is not known.\n", in_count(maps.unordered, "such call"));
}

enum { SITES = 10 };

static void put_site(FILE *out, struct heap *heap, const struct heap_map_site *site, size_t rank,
		     const struct text_style *style)
{
	fprintf(out, "\n%s%3zu. %s in %s, by %s%s\n", style->bold, rank, in_bytes(site->bytes),
		in_count(site->maps, "map"), site->call, style->plain);
	fprintf(out, "     for %s; %s, the last after %s\n", site->origin,
		in_count(site->calls, "call"), in_time(site->last_ms));
	text_stack_put(out, heap, site->id, style);
}

void text_map_sites_put(FILE *out, const struct report *report, const struct text_style *style)
{
	size_t count, shown = report->top ? report->top : SITES;
	struct heap_map_site *sites = heap_map_sites(report->heap, &count);

	if (shown > count)
		shown = count;
	if (shown)
		fprintf(out, "\n  Sites that map the most (%s of %s):\n", in_digits(shown),
			in_digits(count));
	for (size_t i = 0; i < shown; i++)
		put_site(out, report->heap, &sites[i], i + 1, style);
	free(sites);
}
