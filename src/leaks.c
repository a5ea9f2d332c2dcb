#include "leaks.h"

#include <stdlib.h>
#include <string.h>

#include "built_in.h"
#include "log.h"
#include "match.h"

static void load_file(struct leaks *leaks, const char *path)
{
	FILE *from = fopen(path, "re");
	const char *wrong;
	unsigned line;

	if (!from)
		die(EXIT_OURS, "cannot read the suppressions in %s:", path);
	wrong = suppression_read(&leaks->suppressions, from, path, &line);
	if (wrong && !line)
		die(EXIT_OURS, "cannot read the suppressions in %s:", path);
	if (wrong)
		die(EXIT_USAGE, "%s:%u: %s; see --suppressions in the README", path, line, wrong);
	fclose(from);
}

/* The built-in ones come last: one of the user's is never unused because of them. */
void leaks_load(struct leaks *leaks, const struct options *options)
{
	leaks->asked = options->leak_exitcode || options->suppression_count;
	if (!leaks->asked)
		return;
	for (size_t i = 0; i < options->suppression_count; i++)
		load_file(leaks, options->suppressions[i]);
	if (!options->no_default_suppressions)
		built_in_add(&leaks->suppressions);
}

static void forget(struct leaks *leaks)
{
	for (size_t i = 0; i < leaks->suppressions.count; i++)
		leaks->suppressions.list[i].use.blocks = leaks->suppressions.list[i].use.bytes = 0;
	free(leaks->uses);
	free(leaks->covered);
	leaks->uses = NULL;
	leaks->use_count = 0;
	leaks->covered = NULL;
}

static bool *room_for(const struct heap_site *sites, size_t count)
{
	uint32_t last = 0;

	for (size_t i = 0; i < count; i++)
		if (sites[i].id > last)
			last = sites[i].id;
	return calloc((size_t)last + 1, sizeof(bool));
}

static void judge_site(struct leaks *leaks, struct heap *heap, const struct heap_site *site)
{
	size_t depth, first;
	const struct heap_frame *stack = heap_whole_stack(heap, site->id, &depth);
	struct suppressed *use;

	first = match_site(&leaks->suppressions, site, stack, depth);
	if (first == leaks->suppressions.count)
		return;
	use = &leaks->suppressions.list[first].use;
	use->blocks += site->live_blocks;
	use->bytes += site->live_bytes;
	leaks->left_blocks -= site->live_blocks;
	leaks->covered[site->id] = true;
}

/* Built-in ones share names. */
static void list_use(struct leaks *leaks, const struct suppressed *use)
{
	struct suppressed *last = &leaks->uses[leaks->use_count];

	if (!use->file && !use->blocks)
		return;
	if (!use->file && leaks->use_count && !last[-1].file &&
	    strcmp(last[-1].name, use->name) == 0) {
		last[-1].blocks += use->blocks;
		last[-1].bytes += use->bytes;
		return;
	}
	*last = *use;
	leaks->use_count++;
}

static void list_uses(struct leaks *leaks)
{
	size_t count = leaks->suppressions.count;

	leaks->uses = calloc(count + 1, sizeof(*leaks->uses));
	for (size_t i = 0; leaks->uses && i < count; i++)
		list_use(leaks, &leaks->suppressions.list[i].use);
}

void leaks_judge(struct leaks *leaks, struct heap *heap)
{
	const struct heap_query all = { 0 };
	struct heap_site *sites;
	size_t count;

	if (!leaks->asked)
		return;
	forget(leaks);
	leaks->left_blocks = heap_totals(heap)->live_blocks;
	sites = heap_sites(heap, &all, &count);
	leaks->covered = room_for(sites, count);
	for (size_t i = 0; leaks->covered && i < count; i++)
		if (sites[i].live_blocks)
			judge_site(leaks, heap, &sites[i]);
	free(sites);
	list_uses(leaks);
}

void leaks_report(const struct leaks *leaks, struct report *report)
{
	report->suppressed = leaks->uses;
	report->suppressed_count = leaks->use_count;
	report->covered = leaks->covered;
}

void leaks_deinit(struct leaks *leaks)
{
	forget(leaks);
	for (size_t i = 0; i < leaks->suppressions.count; i++)
		suppression_deinit(&leaks->suppressions.list[i]);
	free(leaks->suppressions.list);
	leaks->suppressions = (struct suppressions){ 0 };
}
