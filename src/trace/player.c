/* A process as it was at a moment: from the state before it on, event by event. */
#include "player.h"

#include <stdlib.h>

#include "opened.h"

static bool is_of(const struct player *player, size_t i, enum block_kind kind)
{
	const struct block *block = &player->trace->file.blocks[i];

	return block->track == player->track && block->kind == kind;
}

/* The last state that is not behind the moment, and the facts before it. With listeners it is
 * the first one. */
static void find_begin(struct player *player, bool first)
{
	const struct file *file = &player->trace->file;
	bool by_mark = player->moment->block != SIZE_MAX;
	size_t facts = SIZE_MAX;

	player->begin = SIZE_MAX;
	player->end = by_mark ? player->moment->block : file->count;
	for (size_t i = 0; i < player->end; i++) {
		if (is_of(player, i, BLOCK_FACTS))
			facts = i;
		if (!is_of(player, i, BLOCK_STATE) || facts == SIZE_MAX ||
		    (!by_mark && player->begin != SIZE_MAX &&
		     file->blocks[i].last_ns > player->moment->now_ns))
			continue;
		player->begin = facts;
		if (first)
			return;
	}
}

static bool load_sites(struct heap *heap, struct wire_reader *from)
{
	while (from->at < from->end)
		if (!replay_load_sites(heap, from))
			return false;
	return true;
}

static bool load(struct player *player, enum block_kind kind, struct wire_reader *from)
{
	switch (kind) {
	case BLOCK_SITES:
		return load_sites(player->heap, from);
	case BLOCK_FACTS:
		return replay_load_facts(player->heap, from);
	case BLOCK_STATE:
		player->has_state = replay_load_state(player->heap, from);
		return player->has_state;
	case BLOCK_NAMES:
		return replay_load_names(player->heap, from);
	default:
		return false;
	}
}

/* Has this block to do with what the process was then? */
static bool is_wanted(const struct player *player, size_t i)
{
	const struct block *block = &player->trace->file.blocks[i];

	if (block->track != player->track)
		return false;
	switch (block->kind) {
	case BLOCK_SITES:
		return i < player->end;
	case BLOCK_FACTS:
		return i >= player->begin && i < player->end;
	case BLOCK_STATE: /* others only tell what is known by then */
		return i >= player->begin && i < player->end && !player->has_state;
	case BLOCK_EVENTS:
		return i >= player->begin && i < player->end && player->has_state;
	default:
		return false;
	}
}

/* Sites are told of with the last of the events they are for. */
static bool is_behind(const struct player *player, const struct block *block)
{
	return player->moment->block == SIZE_MAX && player->has_state &&
	       block->kind != BLOCK_SITES && block->first_ns > player->moment->now_ns;
}

/* Nothing of it is readable from here on. */
static void lose(struct player *player, size_t i)
{
	struct file *file = &player->trace->file;

	file_note_damage(file, "is damaged", file->blocks[i].offset);
	player->lost = player->over = true;
}

/* Events are taken one by one. */
static void take(struct player *player, size_t i)
{
	struct file *file = &player->trace->file;
	const struct block *block = &file->blocks[i];
	struct wire payload;

	if (!file_read(file, block, &payload)) {
		lose(player, i);
		return;
	}
	if (block->kind == BLOCK_FACTS || block->kind == BLOCK_STATE)
		player->last_ns = block->last_ns;
	player->from = (struct wire_reader){ payload.bytes, payload.bytes + payload.len, false };
	if (block->kind == BLOCK_EVENTS) {
		player->code = (struct event_code){ 0 };
		player->events = payload.bytes;
		return;
	}
	if (!load(player, block->kind, &player->from))
		lose(player, i);
	player->from = (struct wire_reader){ 0 };
	free(payload.bytes);
}

/* They stand behind all others. */
static void take_names(struct player *player)
{
	const struct file *file = &player->trace->file;

	for (size_t i = file->count; i-- > 0;)
		if (is_of(player, i, BLOCK_NAMES)) {
			take(player, i);
			return;
		}
}

static void take_next(struct player *player)
{
	free(player->events);
	player->events = NULL;
	player->from = (struct wire_reader){ 0 };
	while (player->at < player->end && !is_wanted(player, player->at))
		player->at++;
	if (player->at == player->end ||
	    is_behind(player, &player->trace->file.blocks[player->at]))
		player->over = true;
	else
		take(player, player->at++);
}

bool player_fetch(struct player *player)
{
	const struct trace_moment *moment = player->moment;

	while (!player->over && player->from.at == player->from.end)
		take_next(player);
	if (player->over)
		return false;
	if (!event_take(&player->code, &player->from, &player->next, &player->call))
		lose(player, player->at - 1);
	else if (moment->block == SIZE_MAX && player->next.time_ns > moment->now_ns)
		player->over = true;
	return !player->over;
}

void player_go(struct player *player)
{
	if (replay_apply(player->heap, &player->next))
		player->last_ns = player->next.time_ns;
	else
		lose(player, player->at - 1);
}

bool player_begin(struct player *player, const struct analysis_options *options)
{
	struct trace *trace = player->trace;

	find_begin(player, options->listener);
	player->heap = player->begin == SIZE_MAX ? NULL : replay_new(options, trace->catalogue);
	if (!player->heap)
		return false;
	if (options->listener) /* it may ask for them */
		take_names(player);
	player->lost = player->over = false;
	while (!player->over && !player->has_state)
		take_next(player);
	return player->has_state;
}

void player_end(struct player *player)
{
	struct trace_moment *moment = player->moment;

	free(player->events);
	if (player->lost && moment->now_ns > player->last_ns)
		moment->now_ns = player->last_ns;
	if (moment->block == SIZE_MAX || player->lost)
		replay_moment(player->heap, moment->now_ns);
}

struct heap *trace_heap(struct trace *trace, uint32_t track, const struct analysis_options *options,
                        struct trace_moment *moment)
{
	struct player player = { .trace = trace, .track = track, .moment = moment };

	if (!player_begin(&player, options)) {
		if (player.heap)
			heap_free(player.heap);
		return NULL;
	}
	while (player_fetch(&player))
		player_go(&player);
	player_end(&player);
	take_names(&player);
	return player.heap;
}
