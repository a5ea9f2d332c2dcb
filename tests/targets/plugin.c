/* A plugin: it takes a block when loaded, more when asked, and gives the first
 * one back when unloaded. Its blocks come from the C library of its namespace. */
#include <stdlib.h>

#include "plugin.h"

#define noipa __attribute__((noipa))

static struct plugin_truth sums, *host;
static void *first;

static void *took(void *at, size_t size)
{
	sums.allocs++;
	sums.bytes_allocated += (long)size;
	__asm__ volatile("" : "+r"(at) : : "memory");
	return at;
}

static noipa void *plugin_take(size_t size)
{
	return took(malloc(size), size);
}

static noipa void *plugin_take_zeroed(size_t size)
{
	return took(calloc(1, size), size);
}

static noipa void plugin_give(void *at, size_t size)
{
	free(at);
	sums.frees++;
	sums.bytes_freed += (long)size;
}

__attribute__((constructor)) static void plugin_constructor(void)
{
	first = plugin_take(333);
}

__attribute__((destructor)) static void plugin_destructor(void)
{
	plugin_give(first, 333);
	if (!host)
		return;
	host->allocs += sums.allocs;
	host->frees += sums.frees;
	host->bytes_allocated += sums.bytes_allocated;
	host->bytes_freed += sums.bytes_freed;
}

long plugin_work(long rounds)
{
	for (long i = 0; i < rounds; i++) {
		plugin_give(plugin_take(50), 50);
		plugin_take_zeroed(70);
	}
	return rounds;
}

void plugin_report(struct plugin_truth *to)
{
	host = to;
}
