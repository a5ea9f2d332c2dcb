/* What has changed from one snapshot to another, site by site. Addresses are others in each run:
 * a site is known again by what stands on its stack. */
#include <stdlib.h>
#include <string.h>

#include "part.h"
#include "snapshot.h"

/* ---- the same site ------------------------------------------------------------------------- */

static int by_text(const char *a, const char *b)
{
	return !a || !b ? !!a - !!b : strcmp(a, b);
}

/* Lines, where they are known, stay through another build. */
static int by_frame(const struct snapshot_frame *a, const struct snapshot_frame *b)
{
	int order = by_text(a->function, b->function);
	uint64_t x = a->line ? (uint64_t)a->line : a->offset;
	uint64_t y = b->line ? (uint64_t)b->line : b->offset;

	order = order ? order : by_text(a->module, b->module);
	order = order ? order : by_text(a->file, b->file);
	return order ? order : x < y ? -1 : x > y;
}

static int by_place(const struct snapshot_site *a, const struct snapshot_site *b)
{
	int order = by_text(a->function, b->function);

	for (size_t i = 0; !order && i < a->depth && i < b->depth; i++)
		order = by_frame(&a->stack[i], &b->stack[i]);
	return order ? order : a->depth < b->depth ? -1 : a->depth > b->depth;
}

static int by_place_of(const void *a, const void *b)
{
	return by_place(*(const struct snapshot_site *const *)a,
	                *(const struct snapshot_site *const *)b);
}

/* ---- which are asked for -------------------------------------------------------------------- */

static bool fits(const struct snapshot_site *site, const char *pattern)
{
	bool any = part_in(site->function, pattern);

	for (size_t i = 0; !any && i < site->depth; i++)
		any = part_in(site->stack[i].function, pattern) ||
		      part_in(site->stack[i].file, pattern) ||
		      part_in(site->stack[i].module, pattern);
	return any;
}

static bool is_asked_for(const struct snapshot_diff *diff, const struct snapshot_site *site)
{
	bool asked = !diff->match_count;

	for (size_t i = 0; !asked && i < diff->match_count; i++)
		asked = fits(site, diff->match[i]);
	for (size_t i = 0; asked && i < diff->hide_count; i++)
		asked = !fits(site, diff->hide[i]);
	return asked;
}

/* Of a snapshot, by place, with room for none; the caller frees. */
static const struct snapshot_site **sorted(const struct snapshot_diff *diff,
                                           const struct snapshot *of, size_t *count)
{
	const struct snapshot_site **list = calloc(of->count + 1, sizeof(*list));

	*count = 0;
	for (size_t i = 0; list && i < of->count; i++)
		if (is_asked_for(diff, &of->sites[i]))
			list[(*count)++] = &of->sites[i];
	if (*count)
		qsort(list, *count, sizeof(*list), by_place_of);
	return list;
}

/* ---- comparing ------------------------------------------------------------------------------- */

static int by_growth(const void *a, const void *b)
{
	const struct snapshot_change *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	if (x->blocks != y->blocks)
		return x->blocks > y->blocks ? -1 : 1;
	return by_place(x->b ? x->b : x->a, y->b ? y->b : y->a);
}

static void add_a(struct snapshot_change *change, const struct snapshot_site *a)
{
	change->a = a;
	change->bytes -= (int64_t)a->live_bytes;
	change->blocks -= (int64_t)a->live_blocks;
	change->allocs -= (int64_t)a->allocs;
}

static void add_b(struct snapshot_change *change, const struct snapshot_site *b)
{
	change->b = b;
	change->bytes += (int64_t)b->live_bytes;
	change->blocks += (int64_t)b->live_blocks;
	change->allocs += (int64_t)b->allocs;
}

/* Both in order, so that the same stand side by side; one that is there twice counts as one. */
static void pair(struct snapshot_diff *diff, const struct snapshot_site **a, size_t a_count,
                 const struct snapshot_site **b, size_t b_count)
{
	for (size_t i = 0, k = 0; i < a_count || k < b_count;) {
		struct snapshot_change change = { NULL, NULL, 0, 0, 0 };
		const struct snapshot_site *first = i == a_count ? b[k] : k == b_count ? a[i] :
			by_place(a[i], b[k]) <= 0 ? a[i] : b[k];

		for (; i < a_count && by_place(a[i], first) == 0; i++)
			add_a(&change, a[i]);
		for (; k < b_count && by_place(b[k], first) == 0; k++)
			add_b(&change, b[k]);
		if (change.bytes || change.blocks)
			diff->changes[diff->count++] = change;
	}
}

bool snapshot_compare(struct snapshot_diff *diff)
{
	size_t a_count, b_count;
	const struct snapshot_site **a = sorted(diff, diff->a, &a_count);
	const struct snapshot_site **b = sorted(diff, diff->b, &b_count);

	diff->count = 0;
	diff->changes = a && b ? calloc(a_count + b_count + 1, sizeof(*diff->changes)) : NULL;
	if (diff->changes)
		pair(diff, a, a_count, b, b_count);
	if (diff->count)
		qsort(diff->changes, diff->count, sizeof(*diff->changes), by_growth);
	free(a);
	free(b);
	return diff->changes;
}
