/* All processes of a recording as they went on together. The times of their events are the order
 * in which they came: the tracer, which gives them, is one thread. */
#include <stdlib.h>

#include "opened.h"
#include "player.h"

struct play {
	struct trace *trace;
	const struct analysis_options *options;
	const struct trace_audience *audience;
	struct player **players; /* by process; NULL: it has not begun, or is over */
	size_t began, gone;      /* up to where they have; up to where all are over */
};

static void end(struct play *play, size_t i)
{
	struct player *player = play->players[i];
	const struct trace_audience *audience = play->audience;

	player_end(player);
	audience->end(audience->told.ctx, &play->trace->processes[i], player->heap, player->lost);
	heap_free(player->heap);
	free(player);
	play->players[i] = NULL;
	while (play->gone < play->began && !play->players[play->gone])
		play->gone++;
}

/* That of the program which ran in the process before is let go. */
static void end_elder(struct play *play, size_t of)
{
	for (size_t i = play->gone; i < of; i++)
		if (play->players[i] &&
		    play->trace->processes[i].pid == play->trace->processes[of].pid)
			end(play, i);
}

static void tell_begin(const struct play *play, const struct trace_process *process,
                       struct heap *heap)
{
	const struct heap_listener *told = &play->audience->told;

	told->tell(told->ctx, heap, &(struct heap_event){
		.kind = process->how == TRACE_FORK ? HEAP_EVENT_FORK : HEAP_EVENT_IMAGE,
		.tid = process->pid, .time_ns = process->first_ns, .parent = process->parent,
		.attached = process->how == TRACE_ATTACH,
	});
}

static void begin(struct play *play, struct trace_moment *moment)
{
	size_t i = play->began++;
	const struct trace_process *process = &play->trace->processes[i];
	struct player *player;

	if (moment->block == SIZE_MAX && process->first_ns > moment->now_ns)
		return;
	player = calloc(1, sizeof(*player));
	if (player)
		*player = (struct player){ .trace = play->trace, .track = process->track,
			                   .moment = moment };
	if (!player || !player_begin(player, play->options)) {
		play->audience->end(play->audience->told.ctx, process, NULL, true);
		if (player && player->heap)
			heap_free(player->heap);
		free(player);
		return;
	}
	play->players[i] = player;
	tell_begin(play, process, player->heap);
	end_elder(play, i);
	player_fetch(player);
}

/* Whose event is next, or SIZE_MAX; until: when something comes of another. */
static size_t earliest(const struct play *play, uint64_t *until)
{
	const struct trace *trace = play->trace;
	uint64_t first_ns = UINT64_MAX, time_ns;
	size_t first = SIZE_MAX;

	*until = play->began < trace->process_count ? trace->processes[play->began].first_ns :
	                                              UINT64_MAX;
	for (size_t i = play->gone; i < play->began; i++) {
		if (!play->players[i] || play->players[i]->over)
			continue;
		time_ns = play->players[i]->next.time_ns;
		if (first == SIZE_MAX || time_ns < first_ns) {
			*until = first_ns < *until ? first_ns : *until;
			first_ns = time_ns;
			first = i;
		} else {
			*until = time_ns < *until ? time_ns : *until;
		}
	}
	return first;
}

static void go(struct play *play, size_t i, uint64_t until)
{
	struct player *player = play->players[i];

	do {
		bool exits = player->next.kind == HEAP_EVENT_EXIT;

		player_go(player);
		if (exits) {
			end(play, i);
			return;
		}
	} while (player_fetch(player) && player->next.time_ns < until);
}

bool trace_play(struct trace *trace, const struct analysis_options *options,
                struct trace_moment *moments, const struct trace_audience *audience)
{
	struct analysis_options with = *options;
	struct play play = { .trace = trace, .options = &with, .audience = audience };
	uint64_t until;

	with.listener = &audience->told;
	play.players = calloc(trace->process_count + 1, sizeof(struct player *));
	if (!play.players)
		return false;
	for (;;) {
		size_t i = earliest(&play, &until);

		if (play.began < trace->process_count &&
		    (i == SIZE_MAX || trace->processes[play.began].first_ns <=
		                      play.players[i]->next.time_ns))
			begin(&play, &moments[play.began]);
		else if (i != SIZE_MAX)
			go(&play, i, until);
		else
			break;
	}
	for (size_t i = play.gone; i < play.began; i++)
		if (play.players[i])
			end(&play, i);
	free(play.players);
	return true;
}
