/* A process as it was at a moment: from the state before it on, event by event. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "event_code.h"
#include "file.h"
#include "replay.h"
#include "trace.h"

struct trace {
	struct file file;
	struct replay_catalogue *catalogue;
	uint64_t realtime_offset;
	struct trace_process *processes;
	size_t process_count;
	char **reasons; /* of marks: each once */
	size_t reason_count;
};

/* ---- opening ---------------------------------------------------------------------------- */

static bool load_catalogue(struct trace *trace)
{
	const struct block *first = trace->file.count ? trace->file.blocks : NULL;
	struct wire_reader from;
	struct wire payload;

	if (!first || first->kind != BLOCK_CATALOGUE || !file_read(&trace->file, first, &payload))
		return false;
	from = (struct wire_reader){ payload.bytes, payload.bytes + payload.len, false };
	trace->realtime_offset = wire_take_number(&from);
	trace->catalogue = replay_catalogue_load(&from);
	free(payload.bytes);
	return trace->catalogue;
}

static struct trace_process *process_of(struct trace *trace, const struct block *block)
{
	struct trace_process *grown;

	for (size_t i = trace->process_count; i-- > 0;)
		if (trace->processes[i].track == block->track)
			return &trace->processes[i];
	if (trace->process_count && block->track < trace->processes[trace->process_count - 1].track)
		return NULL; /* they are numbered as they begin */
	grown = realloc(trace->processes, (trace->process_count + 1) * sizeof(*grown));
	if (!grown)
		return NULL;
	trace->processes = grown;
	grown += trace->process_count++;
	*grown = (struct trace_process){ .track = block->track, .first_ns = block->first_ns };
	return grown;
}

static void take_track(struct trace *trace, struct trace_process *process,
                       const struct block *block)
{
	struct wire payload;

	if (block->kind != BLOCK_TRACK || !file_read(&trace->file, block, &payload))
		return;
	process->pid = (int)wire_take_signed(&(struct wire_reader){ payload.bytes, payload.bytes +
	                                     payload.len, false });
	free(payload.bytes);
}

static void list_processes(struct trace *trace)
{
	for (size_t i = 0; i < trace->file.count; i++) {
		const struct block *block = &trace->file.blocks[i];
		struct trace_process *process = block->track ? process_of(trace, block) : NULL;

		if (!process)
			continue;
		take_track(trace, process, block);
		process->events += block->events;
		if (block->kind != BLOCK_SITES && block->last_ns > process->last_ns)
			process->last_ns = block->last_ns;
	}
}

struct trace *trace_open(const char *path, const char **why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct trace *trace = fd < 0 ? NULL : calloc(1, sizeof(*trace));

	*why = strerror(errno);
	if (!trace) {
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	*why = file_open(&trace->file, fd);
	if (!*why && !load_catalogue(trace))
		*why = trace->file.count ? "is damaged where it begins" : "has nothing in it yet";
	if (*why) {
		trace_free(trace);
		return NULL;
	}
	list_processes(trace);
	return trace;
}

void trace_free(struct trace *trace)
{
	file_close(&trace->file);
	replay_catalogue_free(trace->catalogue);
	free(trace->processes);
	for (size_t i = 0; i < trace->reason_count; i++)
		free(trace->reasons[i]);
	free(trace->reasons);
	free(trace);
}

const char *trace_damage(const struct trace *trace, uint64_t *offset)
{
	*offset = trace->file.damaged_at;
	return trace->file.damage;
}

size_t trace_processes(const struct trace *trace, const struct trace_process **list)
{
	*list = trace->processes;
	return trace->process_count;
}

size_t trace_blocks_read(const struct trace *trace)
{
	return trace->file.read;
}

uint64_t trace_realtime_offset(const struct trace *trace)
{
	return trace->realtime_offset;
}

/* ---- marks ------------------------------------------------------------------------------ */

/* Takes the text over. NULL: no memory. */
static const char *keep_reason(struct trace *trace, char *text)
{
	char **grown;

	for (size_t i = 0; text && i < trace->reason_count; i++)
		if (strcmp(trace->reasons[i], text) == 0) {
			free(text);
			return trace->reasons[i];
		}
	grown = text ? realloc(trace->reasons, (trace->reason_count + 1) * sizeof(*grown)) : NULL;
	if (!grown) {
		free(text);
		return NULL;
	}
	trace->reasons = grown;
	return grown[trace->reason_count++] = text;
}

static bool take_mark(struct trace *trace, struct wire_reader *from, struct trace_mark *mark)
{
	mark->reason = keep_reason(trace, wire_take_text(from));
	mark->now_ns = wire_take_number(from);
	mark->number = wire_take_most(from, UINT32_MAX);
	mark->child = wire_take_flag(from);
	mark->ended = wire_take_flag(from);
	mark->status = (int)wire_take_signed(from);
	return mark->reason && !from->failed;
}

bool trace_next_mark(struct trace *trace, uint32_t track, size_t *at, struct trace_mark *mark,
                     struct trace_moment *moment)
{
	for (; *at < trace->file.count; ++*at) {
		const struct block *block = &trace->file.blocks[*at];
		struct wire payload;
		bool sound;

		if (block->kind != BLOCK_MARK || block->track != track ||
		    !file_read(&trace->file, block, &payload))
			continue;
		sound = take_mark(trace, &(struct wire_reader){ payload.bytes, payload.bytes +
		                  payload.len, false }, mark);
		free(payload.bytes);
		if (!sound) {
			file_note_damage(&trace->file, "is damaged", block->offset);
			continue;
		}
		*moment = (struct trace_moment){ (*at)++, mark->now_ns };
		return true;
	}
	return false;
}

/* ---- the process ------------------------------------------------------------------------- */

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
	go(&replay);
	if (!replay.has_state) {
		heap_free(replay.heap);
		return NULL;
	}
	if (trace->file.damage && replay.over && moment->now_ns > replay.last_ns)
		moment->now_ns = replay.last_ns;
	if (moment->block == SIZE_MAX || replay.over)
		replay_moment(replay.heap, moment->now_ns);
	take_names(&replay);
	return replay.heap;
}
