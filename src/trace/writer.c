/* What is told, in blocks: a track for each program of each process, by its image. */
#include <errno.h>
#include <stdlib.h>

#include "clock.h"
#include "disk.h"
#include "event_code.h"
#include "replay.h"
#include "table.h"
#include "trace.h"

#define EVENTS_A_BLOCK (64u << 10)
#define EVENTS_BETWEEN_FACTS (256u << 10)
#define EVENTS_BETWEEN_STATES (1u << 20) /* at the least; and more than there are blocks in it */

struct track {
	uint32_t number;
	struct heap_saved saved;
	struct wire sites, events;
	struct event_code code;
	uint32_t count; /* of events */
	uint64_t first_ns, last_ns;
	uint64_t since_facts, since_state; /* events */
	uint64_t facts; /* version that was saved last */
};

struct trace_writer {
	struct disk *disk;
	struct table tracks; /* image -> struct track * */
	uint32_t count;
	struct track *last;
	uint32_t last_image;
};

struct trace_writer *trace_create(const char *path)
{
	struct trace_writer *writer = calloc(1, sizeof(*writer));

	if (!writer)
		return NULL;
	writer->disk = disk_open(path);
	if (writer->disk)
		return writer;
	free(writer);
	return NULL;
}

/* ---- blocks ------------------------------------------------------------------------------- */

static void put_block(struct trace_writer *writer, const struct track *track, enum block_kind kind,
                      struct wire *payload)
{
	const struct block block = { .kind = kind, .track = track->number,
		                     .first_ns = track->last_ns, .last_ns = track->last_ns };

	disk_put(writer->disk, &block, payload);
}

static void put_catalogue(struct trace_writer *writer)
{
	const struct block block = { .kind = BLOCK_CATALOGUE };
	struct wire payload = { 0 };

	wire_number(&payload, clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC));
	heap_save_catalogue(&payload);
	disk_put(writer->disk, &block, &payload);
}

static void flush(struct trace_writer *writer, struct track *track)
{
	const struct block block = { .kind = BLOCK_EVENTS, .track = track->number,
		                     .events = track->count, .first_ns = track->first_ns,
		                     .last_ns = track->last_ns };

	if (track->sites.len || track->sites.failed)
		put_block(writer, track, BLOCK_SITES, &track->sites);
	if (!track->count)
		return;
	disk_put(writer->disk, &block, &track->events);
	track->code = (struct event_code){ 0 };
	track->count = 0;
}

static void put_facts(struct trace_writer *writer, struct track *track, struct heap *heap)
{
	struct wire payload = { 0 };

	heap_save_sites(heap, &track->saved, &track->sites);
	flush(writer, track);
	heap_save_facts(heap, &payload);
	put_block(writer, track, BLOCK_FACTS, &payload);
	track->facts = heap_facts_version(heap);
	track->since_facts = 0;
}

static void put_state(struct trace_writer *writer, struct track *track, struct heap *heap)
{
	struct wire payload = { 0 };

	put_facts(writer, track, heap);
	heap_save_state(heap, &payload);
	put_block(writer, track, BLOCK_STATE, &payload);
	track->since_state = 0;
}

/* ---- tracks ------------------------------------------------------------------------------- */

static struct track *find(struct trace_writer *writer, uint32_t image)
{
	const uint64_t *at;

	if (writer->last && writer->last_image == image)
		return writer->last;
	at = table_find(&writer->tracks, image);
	writer->last_image = image;
	return writer->last = at ? (struct track *)(uintptr_t)*at : NULL;
}

static enum trace_begin how_of(const struct heap_event *event)
{
	return event->kind == HEAP_EVENT_FORK ? TRACE_FORK :
	       event->attached                ? TRACE_ATTACH :
	                                        TRACE_EXEC;
}

/* A program begins, or is first seen; what was before is no part of it. */
static void begin(struct trace_writer *writer, struct heap *heap, const struct heap_event *event)
{
	uint64_t *at = table_put(&writer->tracks, heap_image(heap));
	struct track *track = at && !*at ? calloc(1, sizeof(*track)) : NULL;
	struct wire payload = { 0 };

	if (!track)
		return;
	*at = (uintptr_t)track;
	if (!writer->count)
		put_catalogue(writer);
	track->number = ++writer->count;
	track->first_ns = track->last_ns = event->time_ns;
	wire_signed(&payload, heap_program(heap)->pid);
	wire_number(&payload, how_of(event));
	wire_signed(&payload, event->parent);
	put_block(writer, track, BLOCK_TRACK, &payload);
	put_state(writer, track, heap);
	writer->last = NULL;
}

static void add(struct track *track, struct heap *heap, const struct heap_event *event)
{
	if (event->site > track->saved.sites)
		heap_save_sites(heap, &track->saved, &track->sites);
	if (!track->count++)
		track->first_ns = event->time_ns;
	track->last_ns = event->time_ns;
	track->since_facts++;
	track->since_state++;
	event_put(&track->code, &track->events, event);
}

static bool is_state_due(const struct track *track, const struct heap *heap)
{
	return track->since_state >= EVENTS_BETWEEN_STATES &&
	       track->since_state >= 2 * heap_totals(heap)->live_blocks;
}

void trace_tell(void *ctx, struct heap *heap, const struct heap_event *event)
{
	struct trace_writer *writer = ctx;
	struct track *track;

	if (event->kind == HEAP_EVENT_IMAGE || event->kind == HEAP_EVENT_FORK) {
		begin(writer, heap, event);
		return;
	}
	track = find(writer, heap_image(heap));
	if (!track)
		return;
	add(track, heap, event);
	if (is_state_due(track, heap))
		put_state(writer, track, heap);
	else if (track->facts != heap_facts_version(heap) ||
	         track->since_facts >= EVENTS_BETWEEN_FACTS)
		put_facts(writer, track, heap);
	else if (track->count == EVENTS_A_BLOCK)
		flush(writer, track);
}

/* ---- moments ------------------------------------------------------------------------------ */

void trace_mark(struct trace_writer *writer, struct heap *heap, const struct trace_mark *mark)
{
	struct track *track = find(writer, heap_image(heap));
	struct wire payload = { 0 };

	if (!track)
		return;
	put_facts(writer, track, heap);
	wire_text(&payload, mark->reason);
	wire_number(&payload, mark->now_ns);
	wire_number(&payload, mark->number);
	wire_number(&payload, mark->child);
	wire_number(&payload, mark->ended);
	wire_signed(&payload, mark->status);
	put_block(writer, track, BLOCK_MARK, &payload);
}

void trace_names(struct trace_writer *writer, struct heap *heap)
{
	struct track *track = find(writer, heap_image(heap));
	struct wire payload = { 0 };

	if (!track)
		return;
	heap_save_names(heap, &payload);
	put_block(writer, track, BLOCK_NAMES, &payload);
}

void trace_flush(struct trace_writer *writer)
{
	struct table_slot *slot;

	for (size_t at = 0; (slot = table_next(&writer->tracks, &at));)
		flush(writer, (struct track *)(uintptr_t)slot->value);
}

int trace_error(struct trace_writer *writer)
{
	return disk_error(writer->disk);
}

static void track_free(struct track *track)
{
	free(track->sites.bytes);
	free(track->events.bytes);
	free(track);
}

int trace_close(struct trace_writer *writer)
{
	struct table_slot *slot;
	int error;

	trace_flush(writer);
	error = disk_close(writer->disk);
	for (size_t at = 0; (slot = table_next(&writer->tracks, &at));)
		track_free((struct track *)(uintptr_t)slot->value);
	table_deinit(&writer->tracks);
	free(writer);
	return error;
}
