#include "marks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

struct mark_site {
	uint64_t live_blocks, live_bytes, allocs, frees, bytes;
};

void marks_clear(struct counters *counters)
{
	for (size_t i = 0; i < counters->mark_count; i++)
		free(counters->marks[i].sites);
	counters->mark_count = 0;
}

static const struct mark *find(const struct counters *counters, const char *name)
{
	for (size_t i = 0; i < counters->mark_count; i++)
		if (strcmp(counters->marks[i].name, name) == 0)
			return &counters->marks[i];
	return NULL;
}

bool heap_has_mark(const struct heap *heap, const char *name)
{
	return find(&heap->counters, name);
}

size_t heap_marks(const struct heap *heap, const char *names[HEAP_MARKS])
{
	for (size_t i = 0; i < heap->counters.mark_count; i++)
		names[i] = heap->counters.marks[i].name;
	return heap->counters.mark_count;
}

static struct mark_site now(const struct heap *heap, size_t index)
{
	const struct site *site = &heap->sites.sites[index];

	return (struct mark_site){ site->view.live_blocks, site->view.live_bytes,
		                   site->view.allocs, site->view.frees, site->counters.bytes };
}

int heap_mark(struct heap *heap, const char *name)
{
	struct counters *counters = &heap->counters;
	struct mark *mark = (struct mark *)find(counters, name);
	struct mark_site *sites;

	if (strlen(name) >= HEAP_MARK_NAME)
		return -ENAMETOOLONG;
	if (!mark && counters->mark_count == HEAP_MARKS)
		return -ENOSPC;
	sites = malloc((heap->sites.count + 1) * sizeof(*sites));
	if (!sites)
		return -ENOMEM;
	if (!mark) {
		mark = &counters->marks[counters->mark_count++];
		strcpy(mark->name, name);
	} else {
		free(mark->sites);
	}
	mark->sites = sites;
	mark->count = heap->sites.count;
	for (size_t i = 0; i < mark->count; i++)
		sites[i] = now(heap, i);
	return 0;
}

/* ---- differences ------------------------------------------------------------------------- */

static struct mark_site at(const struct heap *heap, const struct mark *mark, size_t index)
{
	if (!mark)
		return now(heap, index);
	return index < mark->count ? mark->sites[index] : (struct mark_site){ 0 };
}

/* False: nothing has happened there. */
static bool grew(const struct heap *heap, const struct mark *from, const struct mark *to,
                 size_t index, struct heap_growth *growth)
{
	struct mark_site was = at(heap, from, index), is = at(heap, to, index);

	*growth = (struct heap_growth){
		.site = index + 1,
		.function = heap->sites.sites[index].view.function,
		.blocks = (int64_t)(is.live_blocks - was.live_blocks),
		.bytes = (int64_t)(is.live_bytes - was.live_bytes),
		.allocs = is.allocs - was.allocs,
		.frees = is.frees - was.frees,
		.allocated = is.bytes - was.bytes,
	};
	return growth->allocs || growth->frees;
}

static int by_growth(const void *a, const void *b)
{
	const struct heap_growth *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	return x->site < y->site ? -1 : x->site > y->site;
}

/* A mark that was made before another is the other way round as good as this one. */
struct heap_growth *heap_diff(const struct heap *heap, const char *from, const char *to,
                              size_t *count)
{
	const struct mark *first = find(&heap->counters, from);
	const struct mark *second = to ? find(&heap->counters, to) : NULL;
	struct heap_growth *list;

	*count = 0;
	if (!first || (to && !second))
		return NULL;
	list = calloc(heap->sites.count + 1, sizeof(*list));
	for (size_t i = 0; list && i < heap->sites.count; i++)
		*count += grew(heap, first, second, i, &list[*count]);
	if (list)
		qsort(list, *count, sizeof(*list), by_growth);
	return list;
}
