/* A process as it was at a moment: from the state before it on, event by event. */
#include <stdlib.h>

#include "event_code.h"
#include "opened.h"

struct replay {
	struct trace *trace;
	uint32_t track;
	struct heap *heap;
	struct trace_moment *moment;
	size_t begin, end; /* blocks: the first one of facts and states, and behind the last */
	uint64_t last_ns;  /* of what was applied */
	bool over;         /* the moment has come, or nothing behind is readable */
	bool has_state;
};

static bool is_of(const struct replay *replay, size_t i, enum block_kind kind)
{
	const struct block *block = &replay->trace->file.blocks[i];

	return block->track == replay->track && block->kind == kind;
}

/* The last state that is not behind the moment, and the facts before it. With listeners it is
 * the first one. */
static void find_begin(struct replay *replay, bool first)
{
	const struct file *file = &replay->trace->file;
	bool by_mark = replay->moment->block != SIZE_MAX;
	size_t facts = SIZE_MAX;

	replay->begin = SIZE_MAX;
	replay->end = by_mark ? replay->moment->block : file->count;
	for (size_t i = 0; i < replay->end; i++) {
		if (is_of(replay, i, BLOCK_FACTS))
			facts = i;
		if (!is_of(replay, i, BLOCK_STATE) || facts == SIZE_MAX ||
		    (!by_mark && replay->begin != SIZE_MAX &&
		     file->blocks[i].last_ns > replay->moment->now_ns))
			continue;
		replay->begin = facts;
		if (first)
			return;
	}
}

static bool play(struct replay *replay, struct wire_reader *from)
{
	bool by_mark = replay->moment->block != SIZE_MAX;
	struct event_code code = { 0 };
	struct heap_event event;
	struct map_call call;

	while (from->at < from->end) {
		if (!event_take(&code, from, &event, &call))
			return false;
		if (!by_mark && event.time_ns > replay->moment->now_ns) {
			replay->over = true;
			return true;
		}
		if (!replay_apply(replay->heap, &event))
			return false;
		replay->last_ns = event.time_ns;
	}
	return true;
}

static bool load_sites(struct heap *heap, struct wire_reader *from)
{
	while (from->at < from->end)
		if (!replay_load_sites(heap, from))
			return false;
	return true;
}

static bool load(struct replay *replay, enum block_kind kind, struct wire_reader *from)
{
	switch (kind) {
	case BLOCK_SITES:
		return load_sites(replay->heap, from);
	case BLOCK_FACTS:
		return replay_load_facts(replay->heap, from);
	case BLOCK_STATE:
		replay->has_state = replay_load_state(replay->heap, from);
		return replay->has_state;
	case BLOCK_NAMES:
		return replay_load_names(replay->heap, from);
	default:
		return play(replay, from);
	}
}

/* Has this block to do with what the process was then? */
static bool is_wanted(const struct replay *replay, size_t i)
{
	const struct block *block = &replay->trace->file.blocks[i];

	if (block->track != replay->track)
		return false;
	switch (block->kind) {
	case BLOCK_SITES:
		return i < replay->end;
	case BLOCK_FACTS:
		return i >= replay->begin && i < replay->end;
	case BLOCK_STATE: /* others only tell what is known by then */
		return i >= replay->begin && i < replay->end && !replay->has_state;
	case BLOCK_EVENTS:
		return i >= replay->begin && i < replay->end && replay->has_state;
	default:
		return false;
	}
}

/* Sites are told of with the last of the events they are for. */
static bool is_behind(const struct replay *replay, const struct block *block)
{
	return replay->moment->block == SIZE_MAX && replay->has_state &&
	       block->kind != BLOCK_SITES && block->first_ns > replay->moment->now_ns;
}

static void take(struct replay *replay, size_t i)
{
	struct file *file = &replay->trace->file;
	const struct block *block = &file->blocks[i];
	struct wire payload;
	bool sound;

	if (!file_read(file, block, &payload)) {
		replay->over = true;
		return;
	}
	if (block->kind == BLOCK_FACTS || block->kind == BLOCK_STATE)
		replay->last_ns = block->last_ns;
	sound = load(replay, block->kind, &(struct wire_reader){ payload.bytes, payload.bytes +
	             payload.len, false });
	free(payload.bytes);
	if (sound)
		return;
	file_note_damage(file, "is damaged", block->offset);
	replay->over = true;
}

/* They stand behind all others. */
static void take_names(struct replay *replay)
{
	const struct file *file = &replay->trace->file;

	for (size_t i = file->count; i-- > 0;)
		if (is_of(replay, i, BLOCK_NAMES)) {
			take(replay, i);
			return;
		}
}

static void go(struct replay *replay)
{
	const struct file *file = &replay->trace->file;

	for (size_t i = 0; i < replay->end && !replay->over; i++) {
		if (!is_wanted(replay, i))
			continue;
		if (is_behind(replay, &file->blocks[i]))
			return;
		take(replay, i);
	}
}

struct heap *trace_heap(struct trace *trace, uint32_t track, const struct analysis_options *options,
                        struct trace_moment *moment, const struct heap_listener *told)
{
	struct replay replay = { .trace = trace, .track = track, .moment = moment };
	struct analysis_options with = *options;

	with.listener = told;
	find_begin(&replay, told);
	replay.heap = replay.begin == SIZE_MAX ? NULL : replay_new(&with, trace->catalogue);
	if (!replay.heap)
		return NULL;
	if (told) /* it may ask for them */
		take_names(&replay);
	replay.over = false;
	go(&replay);
	if (!replay.has_state) {
		heap_free(replay.heap);
		return NULL;
	}
	if (trace->file.damage && replay.over && moment->now_ns > replay.last_ns)
		moment->now_ns = replay.last_ns;
	if (moment->block == SIZE_MAX || replay.over)
		replay_moment(replay.heap, moment->now_ns);
	if (!told)
		take_names(&replay);
	return replay.heap;
}
