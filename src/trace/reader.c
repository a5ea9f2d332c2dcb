/* What is in a recording: whose, and which moments were reported. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "opened.h"

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
	struct wire_reader from;
	struct wire payload;

	if (block->kind != BLOCK_TRACK || !file_read(&trace->file, block, &payload))
		return;
	from = (struct wire_reader){ payload.bytes, payload.bytes + payload.len, false };
	process->pid = (int)wire_take_signed(&from);
	process->how = (enum trace_begin)wire_take_most(&from, TRACE_FORK);
	process->parent = (int)wire_take_signed(&from);
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
