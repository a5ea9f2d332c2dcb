#include "rows.h"

#include <stdlib.h>
#include <string.h>

/* The first form of a row that is replaced by another. */
static void put_first(struct sql *sql, enum relation_id relation, const struct value *row)
{
	if (sql->replaces)
		queue_put(sql->queue, relation, row);
}

/* ---- threads ------------------------------------------------------------------------------- */

static void put_thread(struct sql *sql, const struct known *known, int tid,
                       const struct thread *thread, struct value ended)
{
	const struct value row[COLUMNS_MAX] = {
		[THREAD_ID] = id(thread->id), [THREAD_PROCESS] = id(known->id),
		[THREAD_TID] = number((uint64_t)tid), [THREAD_BEGAN] = number(thread->began_ns),
		[THREAD_ENDED] = ended,
	};

	if (ended.kind == VALUE_NULL)
		put_first(sql, THREADS, row);
	else
		queue_put_at_end(sql->queue, THREADS, row);
}

static struct thread *new_thread(struct sql *sql, struct known *known, int tid, uint64_t time_ns)
{
	struct thread *thread = malloc(sizeof(*thread));

	if (!thread)
		return NULL;
	*thread = (struct thread){ ++sql->threads, since_begin(sql, time_ns) };
	put_thread(sql, known, tid, thread, (struct value){ 0 });
	return thread;
}

uint64_t rows_thread(struct sql *sql, struct known *known, int tid, uint64_t time_ns)
{
	uint64_t *at = tid > 0 ? table_put(&known->threads, (uint64_t)tid) : NULL;
	const struct thread *thread;

	if (at && !*at)
		*at = (uintptr_t)new_thread(sql, known, tid, time_ns);
	thread = at ? (const struct thread *)(uintptr_t)*at : NULL;
	return thread ? thread->id : 0;
}

void rows_thread_ends(struct sql *sql, struct known *known, int tid, uint64_t time_ns)
{
	const uint64_t *at = tid > 0 ? table_find(&known->threads, (uint64_t)tid) : NULL;

	if (!at)
		return;
	if (*at)
		put_thread(sql, known, tid, (const struct thread *)(uintptr_t)*at,
		           number(since_begin(sql, time_ns)));
	free((void *)(uintptr_t)*at);
	table_remove(&known->threads, (uint64_t)tid);
}

/* ended: of those that have not ended before. */
static void put_threads(struct sql *sql, const struct known *known, struct value ended)
{
	struct table_slot *slot;

	for (size_t at = 0; (slot = table_next(&known->threads, &at));) {
		const struct thread *thread = (const struct thread *)(uintptr_t)slot->value;

		if (!thread)
			continue;
		queue_put_at_end(sql->queue, THREADS, (const struct value[COLUMNS_MAX]){
			[THREAD_ID] = id(thread->id), [THREAD_PROCESS] = id(known->id),
			[THREAD_TID] = number(slot->key),
			[THREAD_BEGAN] = number(thread->began_ns), [THREAD_ENDED] = ended,
		});
	}
}

/* ---- sites --------------------------------------------------------------------------------- */

static void put_frame(struct sql *sql, uint64_t site, size_t position,
                      const struct heap_frame *frame)
{
	queue_put_at_end(sql->queue, FRAMES, (const struct value[COLUMNS_MAX]){
		[FRAME_SITE] = id(site), [FRAME_POSITION] = number(position),
		[FRAME_ADDRESS] = number(frame->address), [FRAME_MODULE] = text(frame->module),
		[FRAME_BUILD_ID] = text(frame->build_id), [FRAME_FUNCTION] = text(frame->function),
		[FRAME_SYMBOL] = text(frame->symbol), [FRAME_OFFSET] = number(frame->offset),
		[FRAME_FILE] = text(frame->file), [FRAME_LINE] = id((uint64_t)frame->line),
		[FRAME_INLINED] = number(frame->inlined),
	});
}

uint64_t rows_site(struct sql *sql, struct known *known, uint32_t number_, const char *function)
{
	uint64_t *at = number_ ? table_put(&known->sites, number_) : NULL;
	const struct heap_frame *frames;
	size_t count;

	if (!at || *at)
		return at ? *at : 0;
	*at = ++sql->sites;
	queue_put_at_end(sql->queue, SITES, (const struct value[COLUMNS_MAX]){
		[SITE_ID] = id(sql->sites), [SITE_PROCESS] = id(known->id),
		[SITE_NUMBER] = number(number_), [SITE_FUNCTION] = text(function),
	});
	frames = heap_stack(known->heap, number_, &count);
	for (size_t i = 0; i < count; i++)
		put_frame(sql, sql->sites, i, &frames[i]);
	return sql->sites;
}

/* ---- blocks -------------------------------------------------------------------------------- */

void rows_block(struct sql *sql, const struct known *known, struct live_block *block,
                const struct freeing *freeing)
{
	bool freed = freeing->event;

	if (!block->id)
		block->id = ++sql->blocks;
	queue_put_at_end(sql->queue, BLOCKS, (const struct value[COLUMNS_MAX]){
		[BLOCK_ID] = id(block->id), [BLOCK_PROCESS] = id(known->id),
		[BLOCK_THREAD] = id(block->thread), [BLOCK_SITE] = id(block->site),
		[BLOCK_ADDRESS] = number(heap_event_address(block->address)),
		[BLOCK_SIZE] = number(block->size), [BLOCK_USABLE] = id(block->usable),
		[BLOCK_BESIDE] = number(block->address != heap_event_address(block->address)),
		[BLOCK_ALLOC_EVENT] = id(block->event), [BLOCK_ALLOCATED] = number(block->time_ns),
		[BLOCK_FREE_EVENT] = id(freeing->event),
		[BLOCK_FREED] = freed ? number(freeing->time_ns) : (struct value){ 0 },
		[BLOCK_FREE_THREAD] = id(freeing->thread),
		[BLOCK_LIFETIME] = freed ? number(freeing->time_ns - block->time_ns) :
		                           (struct value){ 0 },
		[BLOCK_INHERITED] = id(block->inherited),
		[BLOCK_FORGOTTEN] = id(freeing->forgotten),
	});
}

static bool held_to_add(struct known *known)
{
	struct table_slot *slot;
	bool all = true;

	for (size_t at = 0; (slot = table_next(&known->held, &at));)
		if (slot->value)
			all &= known_add(known, (const struct live_block *)(uintptr_t)slot->value);
	return all;
}

static const struct freeing not_freed;

void rows_block_begins(struct sql *sql, const struct known *known, struct live_block *block)
{
	block->id = ++sql->blocks;
	if (sql->replaces)
		rows_block(sql, known, block, &not_freed);
}

/* with_inherited: also those that the process has from its parent. */
static void put_live(struct sql *sql, struct known *known, bool with_inherited)
{
	if (!held_to_add(known))
		queue_give_up(sql->queue);
	for (size_t i = 0; i < known->count; i++)
		if (known->blocks[i].id ? !sql->replaces : with_inherited)
			rows_block(sql, known, &known->blocks[i], &not_freed);
}

uint64_t rows_blocks_forgotten(struct sql *sql, struct known *known, uint64_t event)
{
	const struct freeing forgotten = { .forgotten = event };
	uint64_t bytes = 0;

	if (!held_to_add(known))
		queue_give_up(sql->queue);
	for (size_t i = 0; i < known->count; i++) {
		rows_block(sql, known, &known->blocks[i], &forgotten);
		bytes += known->blocks[i].size;
	}
	known_forget(known);
	return bytes;
}

/* ---- processes ----------------------------------------------------------------------------- */

static void put_arguments(struct sql *sql, const struct known *known, const char *const *cmdline)
{
	for (uint64_t i = 0; cmdline && cmdline[i]; i++)
		queue_put(sql->queue, ARGUMENTS, (const struct value[COLUMNS_MAX]){
			[ARGUMENT_PROCESS] = id(known->id), [ARGUMENT_POSITION] = number(i),
			[ARGUMENT_VALUE] = text(cmdline[i]),
		});
}

void rows_process_begins(struct sql *sql, struct known *known, uint64_t parent, const char *how)
{
	const struct heap_program *program = heap_program(known->heap);
	const struct value row[COLUMNS_MAX] = {
		[PROCESS_ID] = id(known->id), [PROCESS_PID] = number((uint64_t)program->pid),
		[PROCESS_PARENT] = id(parent), [PROCESS_HOW] = text(how),
		[PROCESS_EXE] = text(known->exe),
		[PROCESS_BEGAN] = number(since_begin(sql, program->began_ns)),
	};

	memcpy(known->row, row, sizeof(row));
	put_first(sql, PROCESSES, known->row);
	put_arguments(sql, known, program->cmdline);
}

static void put_map(struct sql *sql, struct known *known, const struct heap_mapping *map)
{
	queue_put_at_end(sql->queue, MAPS, (const struct value[COLUMNS_MAX]){
		[MAP_PROCESS] = id(known->id), [MAP_ADDRESS] = number(map->address),
		[MAP_SIZE] = number(map->size), [MAP_ORIGIN] = text(map->origin),
		[MAP_SITE] = id(rows_site(sql, known, map->site, NULL)),
		[MAP_THREAD] = id((uint64_t)map->tid), [MAP_PROT] = number(map->prot),
		[MAP_SHARED] = number(map->shared), [MAP_FILE] = text(map->file),
		[MAP_OFFSET] = map->file ? number(map->offset) : (struct value){ 0 },
		[MAP_AGE] = map->tid ? number(map->age_ms) : (struct value){ 0 },
	});
}

static void put_maps(struct sql *sql, struct known *known, uint64_t now_ns)
{
	uint64_t ms = (now_ns - heap_program(known->heap)->began_ns) / 1000000;
	size_t count;
	struct heap_mapping *maps = heap_mappings(known->heap, ms, &count);

	for (size_t i = 0; i < count; i++)
		put_map(sql, known, &maps[i]);
	free(maps);
}

void rows_process_ends(struct sql *sql, struct known *known, const char *ending, int status,
                       uint64_t now_ns)
{
	bool execs = ending && strcmp(ending, "exec") == 0, has_status, ended;

	ended = ending && strcmp(ending, "detach") != 0;
	has_status = ended && !execs;
	put_live(sql, known, !execs);
	if (!execs)
		put_maps(sql, known, now_ns);
	put_threads(sql, known, ended ? number(since_begin(sql, now_ns)) : (struct value){ 0 });
	known->row[PROCESS_ENDED] = ending ? number(since_begin(sql, now_ns)) : (struct value){ 0 };
	known->row[PROCESS_ENDING] = text(ending);
	if (has_status)
		known->row[PROCESS_STATUS] = number((uint64_t)status);
	queue_put_at_end(sql->queue, PROCESSES, known->row);
}
