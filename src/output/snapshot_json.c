/* A report in JSON, read again. It may be anybody's. */
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_tree.h>

#include "shortage.h"
#include "snapshot.h"

#define NESTING_MAX 64 /* a report has seven; yajl_tree goes down by calling itself */

/* The caller frees. */
static char *read_all(FILE *from)
{
	char *text = NULL, part[65536];
	size_t len, got;
	FILE *to = open_memstream(&text, &len);

	if (!to)
		return NULL;
	while ((got = fread(part, 1, sizeof(part), from)))
		fwrite(part, 1, got, to);
	if (shortage_close(to) && !ferror(from))
		return text;
	free(text);
	return NULL;
}

static bool is_too_deep(const char *text)
{
	bool in_string = false;
	int depth = 0;

	for (; *text && depth <= NESTING_MAX; text++) {
		if (*text == '\\' && in_string && text[1])
			text++;
		else if (*text == '"')
			in_string = !in_string;
		else if (!in_string)
			depth += (*text == '{' || *text == '[') - (*text == '}' || *text == ']');
	}
	return depth > NESTING_MAX;
}

/* ---- members ----------------------------------------------------------------------------- */

static yajl_val member(yajl_val of, const char *key)
{
	return of ? yajl_tree_get(of, (const char *[]){ key, NULL }, yajl_t_any) : NULL;
}

static uint64_t number(yajl_val of, const char *key)
{
	yajl_val value = member(of, key);

	return YAJL_IS_INTEGER(value) && YAJL_GET_INTEGER(value) > 0 ? YAJL_GET_INTEGER(value) : 0;
}

static char *text_of(yajl_val of, const char *key)
{
	yajl_val value = member(of, key);
	const char *text = value && YAJL_IS_STRING(value) ? YAJL_GET_STRING(value) : NULL;

	return text ? strdup(text) : NULL;
}

static struct snapshot_frame take_frame(yajl_val from)
{
	uint64_t line = number(from, "line");

	return (struct snapshot_frame){
		.function = text_of(from, "function"), .module = text_of(from, "module"),
		.file = text_of(from, "file"), .offset = number(from, "offset"),
		.line = line <= INT32_MAX ? (int)line : 0,
		.inlined = YAJL_IS_TRUE(member(from, "inlined"))
	};
}

/* Elements of an array; none where it is no array. */
static size_t elements(yajl_val array)
{
	return YAJL_IS_ARRAY(array) ? YAJL_GET_ARRAY(array)->len : 0;
}

static bool take_site(struct snapshot_site *site, yajl_val from)
{
	yajl_val stack = member(from, "stack");
	size_t depth = elements(stack);

	*site = (struct snapshot_site){ .function = text_of(from, "function"),
		                        .live_blocks = number(from, "live_blocks"),
		                        .live_bytes = number(from, "live_bytes"),
		                        .allocs = number(from, "allocs"),
		                        .stack = calloc(depth + 1, sizeof(*site->stack)) };
	for (; site->stack && site->depth < depth; site->depth++)
		site->stack[site->depth] =
			take_frame(YAJL_GET_ARRAY(stack)->values[site->depth]);
	return site->stack && site->function;
}

static bool take_sites(struct snapshot *snapshot, yajl_val sites)
{
	size_t count = elements(sites);

	snapshot->sites = calloc(count + 1, sizeof(*snapshot->sites));
	for (size_t i = 0; snapshot->sites && i < count; i++) {
		snapshot->count++;
		if (!take_site(&snapshot->sites[i], YAJL_GET_ARRAY(sites)->values[i]))
			return false;
	}
	return snapshot->sites;
}

static struct snapshot *take(yajl_val tree, const char **why)
{
	yajl_val totals = member(tree, "totals"), sites = member(tree, "sites");
	struct snapshot *snapshot;

	*why = number(tree, "alloctrace") > 1 ? "is of another version of alloctrace" :
	                                        "is no report of alloctrace's";
	if (number(tree, "alloctrace") != 1 || !totals || !YAJL_IS_ARRAY(sites))
		return NULL;
	snapshot = calloc(1, sizeof(*snapshot));
	if (!snapshot)
		return NULL;
	snapshot->exe = text_of(tree, "exe");
	snapshot->pid = number(tree, "pid");
	snapshot->time_ms = number(tree, "time_ms");
	snapshot->live_blocks = number(totals, "live_blocks");
	snapshot->live_bytes = number(totals, "live_bytes");
	if (take_sites(snapshot, sites))
		return snapshot;
	snapshot_free(snapshot);
	return NULL;
}

struct snapshot *snapshot_read(FILE *from, const char **why)
{
	char *text = read_all(from), error[256];
	struct snapshot *snapshot = NULL;
	yajl_val tree = NULL;

	*why = text ? "is no JSON" : "cannot be read";
	if (text && !is_too_deep(text))
		tree = yajl_tree_parse(text, error, sizeof(error));
	free(text);
	if (tree)
		snapshot = take(tree, why);
	yajl_tree_free(tree);
	return snapshot;
}
