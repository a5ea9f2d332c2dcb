/* analysis live|churn|spread|frames|tree [N]: what the analysis takes of memory, and of time,
 * for a stream of N records made here; all of it one line each.
 *   live    N blocks of a few sites, none freed: bytes a block, at the end and at most
 *   churn   N mallocs and frees, 1000 live: bytes more after the last than after the first 1/10
 *   spread  the same, no address twice
 *   frames  N frames in stacks of 16 that share none: bytes a frame, with their sites
 *   tree    stacks of a binary tree of N nodes, each node a frame in one stack and its callers:
 *           bytes a node, with their sites
 * The heap is a real one, of this very process. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/catalog.h"
#include "analysis/model.h"
#include "clock.h"

#define SITES 8
#define LIVE 1000
#define DEPTH 16

static struct heap *heap;
static uint32_t number_of_malloc, number_of_free;

/* ---- figures ---------------------------------------------------------------------- */

/* A line of /proc/self/status, in bytes. */
static uint64_t status(const char *name)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];
	uint64_t kb = 0;

	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, name, strlen(name)) == 0)
			kb = strtoull(line + strlen(name), NULL, 10);
	if (file)
		fclose(file);
	return kb * 1024;
}

struct span {
	uint64_t rss, ns;
};

/* From here on VmHWM is what was most since, proc(5). */
static struct span begin(void)
{
	FILE *file = fopen("/proc/self/clear_refs", "we");

	if (file) {
		fputs("5", file);
		fclose(file);
	}
	return (struct span){ status("VmRSS:"), clock_ns(CLOCK_PROCESS_CPUTIME_ID) };
}

static void tell(const char *what, const struct span *span, uint64_t count)
{
	uint64_t ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - span->ns;
	int64_t now = status("VmRSS:") - span->rss, most = status("VmHWM:") - span->rss;

	printf("%-7s %9llu  %7.1f bytes each, at most %7.1f  %11lld bytes in all  %7.1f ns each\n",
	       what, (unsigned long long)count, (double)now / count, (double)most / count,
	       (long long)now, (double)ns / count);
}

/* ---- the stream ---------------------------------------------------------------------- */

static uint32_t number_of(const char *name)
{
	for (size_t i = 0; i < heap->functions.count; i++)
		if (strcmp(catalog[heap->functions.list[i].entry].name, name) == 0 &&
		    strstr(heap->functions.list[i].module->path, "libc.so"))
			return i;
	fprintf(stderr, "analysis: no %s here\n", name);
	exit(1);
}

static void begin_heap(void)
{
	const struct analysis_options options = { .depth = 64, .no_maps = true };
	const struct record exec = { .len = sizeof(exec), .kind = REC_EXEC, .image = 1,
		                     .tid = getpid(), .pid = getpid(),
		                     .time_ns = clock_ns(CLOCK_MONOTONIC) };

	heap = heap_new(&options);
	if (!heap)
		exit(1);
	heap_apply(heap, &exec);
	number_of_malloc = number_of("malloc");
	number_of_free = number_of("free");
}

/* Behind instructions of libc; the stack ends there. */
static taddr_t place(unsigned site)
{
	return (uintptr_t)&qsort + 16 + site;
}

static void call(enum record_kind kind, uint32_t function, taddr_t block, unsigned site)
{
	static _Alignas(struct record_return) uint8_t bytes[sizeof(struct record_return) + 64];
	struct record_return *record = (struct record_return *)bytes;
	struct record_call *at = &record->call;
	static uint64_t now;

	*at = (struct record_call){ .record = { .len = sizeof(bytes), .kind = kind, .image = 1,
		                                .tid = getpid(), .pid = getpid(),
		                                .time_ns = heap->program.began_ns + now },
		                    .function = function, .slot = 0x7ffff0000000 };
	now += 1000;
	at->args[0] = kind == REC_ENTER ? block : 24 + site;
	record->result = block;
	record->frame = (struct arch_frame){ .pc = place(site), .sp = at->slot + 8 };
	record->stack = (struct record_stack){ .addr = at->slot, .end = at->slot + 64, .len = 64 };
	heap_apply(heap, &at->record);
}

static taddr_t address(uint64_t i)
{
	return 0x555555550010 + 48 * i;
}

static void live(uint64_t count)
{
	struct span span;

	begin_heap();
	for (unsigned i = 0; i < SITES; i++)
		call(REC_RETURN, number_of_malloc, address(count + i), i);
	span = begin();
	for (uint64_t i = 0; i < count; i++)
		call(REC_RETURN, number_of_malloc, address(i), i % SITES);
	tell("live", &span, count);
	span = begin();
	for (uint64_t i = 0; i < count; i++)
		call(REC_ENTER, number_of_free, address(i * 7919 % count), 0);
	tell("freed", &span, count);
}

/* Of an address another block is freed and that one is handed out, or no address twice. */
static void churn_on(uint64_t from, uint64_t to, bool spread)
{
	for (uint64_t i = from; i < to; i++) {
		uint64_t old = spread ? i - LIVE : i * 7919 % LIVE;

		if (i >= LIVE)
			call(REC_ENTER, number_of_free, address(old), 0);
		call(REC_RETURN, number_of_malloc, address(spread ? i : i < LIVE ? i : old),
		     i % SITES);
	}
}

static void churn(uint64_t count, bool spread)
{
	struct span span;

	begin_heap();
	churn_on(0, count / 20, spread);
	span = begin();
	churn_on(count / 20, count / 2, spread);
	tell(spread ? "spread" : "churn", &span, count / 2 - count / 20);
}

/* ---- stacks ---------------------------------------------------------------------------- */

static uint32_t frame(struct sites *sites, uint64_t i)
{
	struct unwound_frame unwound = { .regs.pc = 0x555555550001 + 5 * i };

	return site_frame(sites, &unwound);
}

static void frames(uint64_t count)
{
	struct modules modules = { 0 };
	struct sites sites = { .modules = &modules };
	struct span span = begin();
	bool is_new;

	for (uint64_t i = 0; i + DEPTH <= count; i += DEPTH) {
		struct site_key key = { 0 };

		for (unsigned k = 0; k < DEPTH; k++)
			key.stack = site_stack(&sites, frame(&sites, i + k), key.stack);
		site_intern(&sites, &key, &is_new);
	}
	tell("frames", &span, count);
	sites_deinit(&sites);
}

/* Node n is called by node n / 2. */
static void tree(uint64_t count)
{
	struct modules modules = { 0 };
	struct sites sites = { .modules = &modules };
	struct span span = begin();
	bool is_new;

	for (uint64_t n = 1; n <= count; n++) {
		struct site_key key = { 0 };

		for (int bit = 63 - __builtin_clzll(n); bit >= 0; bit--)
			key.stack = site_stack(&sites, frame(&sites, n >> bit), key.stack);
		site_intern(&sites, &key, &is_new);
	}
	tell("tree", &span, count);
	sites_deinit(&sites);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;

	if (strcmp(what, "live") == 0)
		live(count ? count : 5000000);
	else if (strcmp(what, "churn") == 0 || strcmp(what, "spread") == 0)
		churn(count ? count : 50000000, *what == 's');
	else if (strcmp(what, "frames") == 0)
		frames(count ? count : 200000);
	else if (strcmp(what, "tree") == 0)
		tree(count ? count : 200000);
	else
		return 2;
	return 0;
}
