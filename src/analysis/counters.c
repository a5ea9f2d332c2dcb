/* A block is of before the last reset when its time is: so what is counted since then is never
 * more freed than allocated.
 *
 * Usable bytes go by glibc's rule for the size asked for, but for what malloc has mapped for one
 * block, where the mapping's end is the block's. Those few are remembered by address. What is
 * freed is what was counted as allocated. */
#include "counters.h"

#include <stdlib.h>

#include "catalog.h"
#include "live.h"
#include "marks.h"
#include "model.h"
#include "thread_sites.h"
#include "usable.h"

#define PAGE 4096

/* ---- usable ------------------------------------------------------------------------------ */

static bool is_mapped_for(const struct thread_counters *by, taddr_t addr, uint64_t size)
{
	return addr > by->mapped_begin && addr < by->mapped_end &&
	       by->mapped_end - addr >= size && by->mapped_end - addr - size < 2 * PAGE;
}

static uint64_t worth_when_new(struct counters *counters, const struct thread_counters *by,
                              taddr_t addr, const struct block *block)
{
	uint64_t usable = usable_by_rule(block->size), rule = usable, *odd;

	if (addr & LIVE_BESIDE)
		return 0;
	if (is_mapped_for(by, addr, block->size))
		usable = by->mapped_end - addr;
	else if (addr == by->odd_block && by->odd_usable >= block->size)
		usable = by->odd_usable; /* realloc has left it where it was */
	if (usable == rule)
		return rule;
	odd = table_put(&counters->odd, addr);
	if (!odd)
		return rule;
	return *odd = usable;
}

static uint64_t worth_when_freed(struct counters *counters, struct thread_counters *by, taddr_t addr,
                                const struct block *block)
{
	const uint64_t *odd = counters->odd.used ? table_find(&counters->odd, addr) : NULL;
	uint64_t usable = odd ? *odd : usable_by_rule(block->size);

	by->odd_block = odd ? addr : 0;
	if (addr & LIVE_BESIDE)
		return 0;
	if (odd) {
		by->odd_usable = usable;
		table_remove(&counters->odd, addr);
	}
	return usable;
}

/* ---- sums -------------------------------------------------------------------------------- */

static void add(struct heap_sum *sum, uint64_t bytes, uint64_t usable)
{
	sum->count++;
	sum->bytes += bytes;
	sum->usable += usable;
}

static void take(struct heap_sum *sum, uint64_t bytes, uint64_t usable)
{
	sum->count--;
	sum->bytes -= bytes;
	sum->usable -= usable;
}

static void raise(uint64_t *peak, uint64_t now)
{
	if (now > *peak)
		*peak = now;
}

static unsigned power_of(uint64_t n)
{
	return n ? 64 - __builtin_clzll(n) : 0;
}

static void count_lifetime(struct heap *heap, const struct block *block)
{
	struct site_counters *of = &heap->sites.sites[block->site].counters;
	uint64_t ns = heap->now_ns > block->time_ns ? heap->now_ns - block->time_ns : 0;
	unsigned power = power_of(ns / 1000);
	uint64_t *count;

	power = power < HEAP_LIFETIMES ? power : HEAP_LIFETIMES - 1;
	if (!of->lived || ns < of->min_ns)
		of->min_ns = ns;
	raise(&of->max_ns, ns);
	of->lived++;
	of->lived_ns += (double)ns;
	count = table_put(&heap->counters.lifetimes, ((uint64_t)block->site + 1) << 8 | power);
	if (count)
		++*count;
}

/* ---- events ------------------------------------------------------------------------------ */

void counters_allocated(struct heap *heap, struct view *view, taddr_t addr,
                        const struct block *block)
{
	struct heap_counters *since = &heap->counters.since;
	struct thread_counters *by = &view->counters;
	uint64_t usable = worth_when_new(&heap->counters, by, addr, block);

	add(&since->allocated, block->size, usable);
	add(&since->live, block->size, usable);
	raise(&since->peak.count, since->live.count);
	raise(&since->peak.bytes, since->live.bytes);
	raise(&since->peak.usable, since->live.usable);
	since->sizes[power_of(block->size)]++;
	by->sums.allocs++;
	by->sums.bytes += block->size;
	heap->sites.sites[block->site].counters.bytes += block->size;
	thread_sites_change(&heap->counters.thread_sites, block->tid, block->site,
	                    (int64_t)block->size, block->time_ns, &by->sites);
}

void counters_freed(struct heap *heap, struct view *view, taddr_t addr, const struct block *block,
                    bool seen)
{
	struct heap_counters *since = &heap->counters.since;
	struct thread_counters *by = &view->counters;
	uint64_t usable = worth_when_freed(&heap->counters, by, addr, block);

	if (block->time_ns > heap->counters.since_ns) {
		add(&since->freed, block->size, usable);
		take(&since->live, block->size, usable);
	} else {
		add(&since->freed_earlier, block->size, usable);
	}
	by->sums.frees++;
	by->sums.freed_bytes += block->size;
	thread_sites_change(&heap->counters.thread_sites, block->tid, block->site,
	                    -(int64_t)block->size, heap->now_ns, NULL);
	if (!seen)
		return;
	count_lifetime(heap, block);
	if (by->last_block != addr)
		return;
	since->temporary++;
	by->sums.temporary++;
	heap->sites.sites[block->site].counters.temporary++;
}

void counters_freed_by(struct heap *heap, int entry, uint64_t bytes)
{
	struct counters *counters = &heap->counters;

	if (!counters->freed)
		counters->freed = calloc(catalog_count, sizeof(*counters->freed));
	if (counters->freed)
		counters->freed[catalog_counts_as(entry)] += bytes;
}

static void mapped(struct thread_counters *by, const struct heap_event *event)
{
	const struct map_call *call = event->call;
	uint64_t len = call->args[call->kind == MAP_CALL_MREMAP ? 2 : 1];

	if ((call->kind != MAP_CALL_MMAP && call->kind != MAP_CALL_MREMAP) ||
	    event->origin != HEAP_LIBC_MALLOC || map_call_failed(call))
		return;
	by->mapped_begin = (taddr_t)call->result;
	by->mapped_end = by->mapped_begin + ((len + PAGE - 1) & ~(uint64_t)(PAGE - 1));
}

void counters_called(struct heap *heap, struct view *view, const struct heap_event *event)
{
	struct thread_counters *by = &view->counters;

	(void)heap;
	switch (event->kind) {
	case HEAP_EVENT_MAP:
		mapped(by, event);
		break;
	case HEAP_EVENT_ALLOC:
	case HEAP_EVENT_REALLOC:
		by->last_block = event->block;
		by->mapped_end = by->odd_block = 0;
		break;
	case HEAP_EVENT_FREE:
	case HEAP_EVENT_REF:
	case HEAP_EVENT_UNREF:
		by->last_block = by->odd_block = 0;
		break;
	default:
		break;
	}
}

void counters_thread_ended(struct heap *heap, struct view *view)
{
	const struct heap_thread *sums = &view->counters.sums;
	struct heap_thread *ended = &heap->counters.ended;

	thread_sites_end(&heap->counters.thread_sites, view->counters.sites);
	ended->ended++;
	ended->allocs += sums->allocs;
	ended->bytes += sums->bytes;
	ended->frees += sums->frees;
	ended->freed_bytes += sums->freed_bytes;
	ended->temporary += sums->temporary;
}

/* ---- begins ------------------------------------------------------------------------------ */

/* The views go with the image. */
void counters_reset(struct heap *heap)
{
	struct counters *counters = &heap->counters;

	thread_sites_clear(&counters->thread_sites);
	table_clear(&counters->lifetimes);
	table_clear(&counters->odd);
	marks_clear(counters);
	free(counters->base);
	free(counters->freed);
	counters->base = NULL;
	counters->freed = NULL;
	counters->since = (struct heap_counters){ 0 };
	counters->ended = (struct heap_thread){ 0 };
	counters->vm = (struct vm){ 0 };
	counters->since_ns = heap->program.began_ns;
}

void counters_free(struct heap *heap)
{
	struct counters *counters = &heap->counters;

	marks_clear(counters);
	thread_sites_deinit(&counters->thread_sites);
	table_deinit(&counters->lifetimes);
	table_deinit(&counters->odd);
	free(counters->base);
	free(counters->freed);
}
