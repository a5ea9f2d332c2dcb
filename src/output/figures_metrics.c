/* OpenMetrics text. All samples of a family stand together, so each is written for all processes
 * before the next. What a reset begins anew is not told here, but for the sizes, which a reader
 * takes for those of a counter that was started again. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "figures.h"
#include "formats.h"
#include "map_call.h"
#include "utf8.h"

struct processes {
	const struct report *list;
	size_t count;
};

static void put_label(FILE *out, const char *text)
{
	char *clean = utf8_clean(text);

	for (const char *at = clean ? clean : "?"; *at; at++)
		if (*at == '\n')
			fputs("\\n", out);
		else if (*at == '"' || *at == '\\')
			fprintf(out, "\\%c", *at);
		else
			putc(*at, out);
	if (clean != text)
		free(clean);
}

static void put_family(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# TYPE alloctrace_%s %s\n# HELP alloctrace_%s %s\n", name, type, name, help);
}

/* label: NULL, or the key of another one beside the process's. */
static void put_sample(FILE *out, const char *name, const char *suffix, int pid, const char *label,
                       const char *value, uint64_t number)
{
	fprintf(out, "alloctrace_%s%s{pid=\"%d\"", name, suffix, pid);
	if (label) {
		fprintf(out, ",%s=\"", label);
		put_label(out, value);
		putc('"', out);
	}
	fprintf(out, "} %" PRIu64 "\n", number);
}

/* ---- single figures ------------------------------------------------------------------------ */

struct single {
	const char *name, *type, *help;
	size_t at; /* in struct heap_totals */
};

static void put_single(FILE *out, const struct processes *all, const struct single *one)
{
	bool counts = strcmp(one->type, "counter") == 0;

	put_family(out, one->name, one->type, one->help);
	for (size_t i = 0; i < all->count; i++) {
		const char *totals = (const char *)heap_totals(all->list[i].heap);

		put_sample(out, one->name, counts ? "_total" : "", all->list[i].pid, NULL, NULL,
		           *(const uint64_t *)(totals + one->at));
	}
}

static void put_totals(FILE *out, const struct processes *all)
{
#define AT(member) offsetof(struct heap_totals, member)
	static const struct single singles[] = {
		{ "allocs", "counter", "Blocks handed out.", AT(allocs) },
		{ "frees", "counter", "Blocks given back.", AT(frees) },
		{ "allocated_bytes", "counter", "Requested bytes of the blocks handed out.",
		  AT(bytes_allocated) },
		{ "freed_bytes", "counter", "Requested bytes of the blocks given back.",
		  AT(bytes_freed) },
		{ "live_blocks", "gauge", "Blocks that live.", AT(live_blocks) },
		{ "live_bytes", "gauge", "Requested bytes of the blocks that live.",
		  AT(live_bytes) },
		{ "peak_live_bytes", "gauge", "The most that ever lived.", AT(peak_live_bytes) },
	};
#undef AT

	for (size_t i = 0; i < countof(singles); i++)
		put_single(out, all, &singles[i]);
}

static void put_processes(FILE *out, const struct processes *all)
{
	put_family(out, "process", "info", "A process that is traced.");
	for (size_t i = 0; i < all->count; i++)
		put_sample(out, "process", "_info", all->list[i].pid, "exe",
		           all->list[i].exe ? all->list[i].exe : "?", 1);
}

static void put_threads(FILE *out, const struct processes *all)
{
	uint64_t live, total;

	put_family(out, "threads", "gauge", "Threads that live.");
	for (size_t i = 0; i < all->count; i++) {
		heap_threads(all->list[i].heap, &live, &total);
		put_sample(out, "threads", "", all->list[i].pid, NULL, NULL, live);
	}
}

static void put_missed(FILE *out, const struct processes *all)
{
	put_family(out, "missed_calls", "counter", "Calls of which something was not seen.");
	for (size_t i = 0; i < all->count; i++)
		put_sample(out, "missed_calls", "_total", all->list[i].pid, NULL, NULL,
		           heap_ledger(all->list[i].heap)->missed_calls);
}

/* ---- by name ------------------------------------------------------------------------------- */

static void put_functions(FILE *out, const struct processes *all)
{
	const struct heap_function *list;

	put_family(out, "calls", "counter", "Outermost calls of a function.");
	for (size_t i = 0; i < all->count; i++) {
		size_t count = heap_functions(all->list[i].heap, &list);

		for (size_t k = 0; k < count; k++)
			put_sample(out, "calls", "_total", all->list[i].pid, "function",
			           list[k].name, list[k].calls);
	}
}

static void put_map_calls(FILE *out, const struct processes *all)
{
	put_family(out, "map_calls", "counter", "System calls that map.");
	for (size_t i = 0; i < all->count; i++) {
		struct heap_maps maps = heap_maps(all->list[i].heap);

		for (unsigned kind = MAP_CALL_NONE + 1; kind < MAP_CALLS; kind++)
			if (maps.state != HEAP_MAPS_OFF && map_call_maps(kind))
				put_sample(out, "map_calls", "_total", all->list[i].pid, "call",
				           map_call_name(kind), maps.calls[kind].calls);
	}
}

static void put_mapped(FILE *out, const struct processes *all)
{
	put_family(out, "mapped_bytes", "gauge", "What is mapped, by whom.");
	for (size_t i = 0; i < all->count; i++) {
		struct heap_maps maps = heap_maps(all->list[i].heap);

		for (size_t k = 0; maps.state != HEAP_MAPS_OFF && k < maps.origin_count; k++)
			put_sample(out, "mapped_bytes", "", all->list[i].pid, "origin",
			           maps.origins[k].name, maps.origins[k].bytes);
	}
}

/* ---- sizes --------------------------------------------------------------------------------- */

/* Buckets are cumulative, and named as floating-point numbers are written canonically. */
static void put_buckets(FILE *out, int pid, const struct heap_counters *counters)
{
	uint64_t sum = 0;
	char le[32];

	for (unsigned i = 0; i < HEAP_SIZES - 1; i++) {
		sum += counters->sizes[i];
		if (i > 30 && !counters->sizes[i])
			continue;
		snprintf(le, sizeof(le), "%" PRIu64 ".0", (UINT64_C(1) << i) - 1);
		put_sample(out, "alloc_size_bytes", "_bucket", pid, "le", le, sum);
	}
	put_sample(out, "alloc_size_bytes", "_bucket", pid, "le", "+Inf",
	           counters->allocated.count);
	put_sample(out, "alloc_size_bytes", "_count", pid, NULL, NULL, counters->allocated.count);
	put_sample(out, "alloc_size_bytes", "_sum", pid, NULL, NULL, counters->allocated.bytes);
}

static void put_sizes(FILE *out, const struct processes *all)
{
	put_family(out, "alloc_size_bytes", "histogram", "Requested bytes of a block.");
	for (size_t i = 0; i < all->count; i++)
		put_buckets(out, all->list[i].pid, heap_counters(all->list[i].heap));
}

void figures_metrics(FILE *out, const struct report *reports, size_t count)
{
	const struct processes all = { reports, count };

	put_processes(out, &all);
	put_totals(out, &all);
	put_threads(out, &all);
	put_missed(out, &all);
	put_functions(out, &all);
	put_map_calls(out, &all);
	put_mapped(out, &all);
	put_sizes(out, &all);
	fputs("# EOF\n", out);
}

void metrics_write(FILE *out, const struct report *report)
{
	figures_metrics(out, report, 1);
}
