#include "json_errors.h"

#include <inttypes.h>
#include <stdio.h>

#include "json.h"
#include "json_gen.h"

static const char *const kinds[HEAP_ERROR_KINDS] = {
	[HEAP_DOUBLE_FREE] = "double_free", [HEAP_MIDDLE_FREE] = "middle_free",
	[HEAP_WILD_FREE] = "wild_free", [HEAP_MISMATCH] = "mismatch",
};

static void put_address(yajl_gen gen, const char *key, taddr_t addr)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, addr);
	json_member_string(gen, key, addr ? text : NULL);
}

static void put_place(yajl_gen gen, struct heap *heap, const char *key, uint32_t site)
{
	json_member(gen, key);
	if (!site) {
		yajl_gen_null(gen);
		return;
	}
	yajl_gen_map_open(gen);
	json_member_number(gen, "site", site);
	json_stack(gen, heap, site);
	yajl_gen_map_close(gen);
}

static void put_error(yajl_gen gen, struct heap *heap, const struct heap_error *error)
{
	yajl_gen_map_open(gen);
	json_member_string(gen, "kind", kinds[error->kind]);
	json_member_number(gen, "count", error->count);
	put_address(gen, "address", error->address);
	json_member_string(gen, "function", error->function);
	json_member_number(gen, "tid", error->tid);
	json_member_number(gen, "time_ms", error->time_ms);
	put_place(gen, heap, "at", error->site);
	put_address(gen, "block", error->block);
	json_member_number(gen, "size", error->size);
	put_place(gen, heap, "allocated", error->alloc_site);
	put_place(gen, heap, "freed", error->free_site);
	json_member_number(gen, "freed_ms", error->freed_ms);
	yajl_gen_map_close(gen);
}

void json_errors(yajl_gen gen, struct heap *heap)
{
	const struct heap_error *list;
	size_t count = heap_errors(heap, &list);

	json_member(gen, "errors");
	yajl_gen_array_open(gen);
	for (size_t i = 0; i < count; i++)
		put_error(gen, heap, &list[i]);
	yajl_gen_array_close(gen);
}
