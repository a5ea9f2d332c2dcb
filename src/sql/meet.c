#include "meet.h"

#include <stdlib.h>
#include <string.h>

#include "tell.h"

struct known *meet_find(struct sql *sql, const struct heap *heap)
{
	struct known *known = sql->last;

	if (known && known->heap == heap)
		return known;
	for (known = sql->first; known && known->heap != heap; known = known->next)
		;
	return sql->last = known;
}

/* Whose thread it is that forked. */
static struct known *parent_of(const struct sql *sql, const struct heap_event *event)
{
	struct known *known = sql->first;

	while (known && !table_find(&known->threads, (uint64_t)event->parent))
		known = known->next;
	return known;
}

/* Whose child runs another program: what it did before, in memory that was its parent's, is the
 * parent's. */
static const struct known *parent_by_pid(const struct sql *sql, int pid)
{
	const struct known *known = sql->first;

	while (known && heap_program(known->heap)->pid != pid)
		known = known->next;
	return known;
}

void meet_trace(struct sql *sql, bool complete)
{
	int64_t epoch_ns = (int64_t)sql->began_ns + sql->options.epoch_ns;

	queue_put_at_end(sql->queue, TRACE, (const struct value[COLUMNS_MAX]){
		[TRACE_VERSION] = number(SCHEMA_VERSION),
		[TRACE_BEGAN_US] = number((uint64_t)(epoch_ns / 1000)),
		[TRACE_COMPLETE] = number(complete),
	});
}

static void begin_trace(struct sql *sql, uint64_t began_ns)
{
	if (sql->begun)
		return;
	sql->begun = true;
	sql->began_ns = began_ns;
	if (sql->replaces)
		meet_trace(sql, false);
}

static const char *how_of(struct sql *sql, const struct heap_event *event)
{
	const char *how = event->kind == HEAP_EVENT_FORK ? "fork" :
	                  sql->options.attached ? "attach" : "exec";

	sql->options.attached = false;
	return how;
}

struct known *meet(struct sql *sql, struct heap *heap, uint64_t before,
                          const struct heap_event *event)
{
	const struct heap_program *program = heap_program(heap);
	struct known *known = known_new(heap, ++sql->processes), *parent;
	const struct known *elder = before ? NULL : parent_by_pid(sql, program->parent);

	if (!known) {
		queue_give_up(sql->queue);
		return NULL;
	}
	begin_trace(sql, program->began_ns);
	parent = event->kind == HEAP_EVENT_FORK ? parent_of(sql, event) : NULL;
	known->exe = program->exe ? strdup(program->exe) : NULL;
	if ((program->exe && !known->exe) || (parent && !known_inherit(known, parent)))
		queue_give_up(sql->queue);
	known->next = sql->first;
	sql->first = sql->last = known;
	rows_process_begins(sql, known, parent ? parent->id : elder ? elder->id : before,
	                    how_of(sql, event));
	return known;
}

static void add_inherited(struct sql *sql, struct known *known, const struct heap_block *block,
                          uint64_t now_ns)
{
	const struct live_block live = {
		.site = rows_site(sql, known, block->site, NULL), .size = block->size,
		.time_ns = since_begin(sql, now_ns - block->age_ms * 1000000),
		.address = block->address,
	};

	if (!known_add(known, &live))
		queue_give_up(sql->queue);
}

/* What a child has from its parent, by what it has once the event is applied. */
static void find_inherited(struct sql *sql, struct known *known, const struct heap_event *event)
{
	uint64_t began_ns = heap_program(known->heap)->began_ns;
	struct heap_query query = { .now_ms = (event->time_ns - began_ns) / 1000000 };
	size_t site_count, count;
	struct heap_site *sites = heap_sites(known->heap, &query, &site_count);
	struct heap_block *blocks = heap_blocks(known->heap, &query, &count);

	for (size_t i = 0; i < site_count; i++)
		rows_site(sql, known, sites[i].id, sites[i].function);
	for (size_t i = 0; i < count; i++)
		if (blocks[i].address != plain_address(event->block))
			add_inherited(sql, known, &blocks[i], event->time_ns);
	if (event->state == HEAP_GIVEN_LIVE)
		add_inherited(sql, known, &event->was, event->time_ns);
	free(sites);
	free(blocks);
}

/* Recordings do not tell of the begin. */
struct known *meet_later(struct sql *sql, struct heap *heap, const struct heap_event *event)
{
	bool forked = heap_totals(heap)->inherited_blocks;
	const struct heap_event begin = {
		.kind = forked ? HEAP_EVENT_FORK : HEAP_EVENT_IMAGE, .tid = heap_program(heap)->pid,
		.time_ns = heap_program(heap)->began_ns,
	};
	struct known *known = meet(sql, heap, 0, &begin);

	if (!known)
		return NULL;
	tell_event(sql, known, &begin);
	if (forked)
		find_inherited(sql, known, event);
	return known;
}

static void forget(struct sql *sql, struct known *known)
{
	struct known **at = &sql->first;

	while (*at != known)
		at = &(*at)->next;
	*at = known->next;
	sql->last = NULL;
	known_free(known);
}

void meet_end(struct sql *sql, struct known *known, const char *ending, int status,
                uint64_t now_ns)
{
	rows_process_ends(sql, known, ending, status, now_ns);
	forget(sql, known);
}
