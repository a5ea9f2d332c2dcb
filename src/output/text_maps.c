#include <inttypes.h>

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
