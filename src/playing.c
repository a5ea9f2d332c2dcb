#include "playing.h"

#include <stdlib.h>

struct playing {
	struct databases *databases;
	const struct heap_listener *told;
	const struct trace_process *processes;
	struct ending {
		uint64_t now_ns; /* nothing comes of it any more */
		bool lost;       /* of what came then */
	} *endings; /* by process */
};

static void tell(void *ctx, struct heap *heap, const struct heap_event *event)
{
	const struct heap_listener *told = ((const struct playing *)ctx)->told;

	told->tell(told->ctx, heap, event);
}

static void end(void *ctx, const struct trace_process *process, struct heap *heap, bool lost)
{
	const struct playing *playing = ctx;
	const struct ending *ending = &playing->endings[process - playing->processes];

	if (lost || ending->lost)
		databases_lose(playing->databases, heap);
	else
		databases_end_at(playing->databases, heap, ending->now_ns);
}

/* Those that are not listed have ended, or run another program. */
static void set_moments(struct playing *playing, struct trace_moment *moments, size_t processes,
                        const struct recorded *list, size_t count, bool has_at)
{
	uint64_t now_ns = has_at ? list->mark.now_ns : UINT64_MAX;

	for (size_t i = 0; i < processes; i++) {
		moments[i] = (struct trace_moment){ SIZE_MAX, now_ns };
		playing->endings[i] = (struct ending){ now_ns, false };
	}
	for (size_t i = 0; i < count; i++) {
		size_t at = list[i].process - playing->processes;

		moments[at] = list[i].moment;
		playing->endings[at] = (struct ending){
			list[i].mark.now_ns, !has_at && list[i].moment.block == SIZE_MAX };
	}
}

bool playing_tell(struct databases *databases, const struct heap_listener *told,
                  struct trace *trace, const struct analysis_options *options,
                  const struct recorded *list, size_t count, bool has_at)
{
	struct playing playing = { .databases = databases, .told = told };
	const struct trace_audience audience = { { tell, &playing }, end };
	size_t processes = trace_processes(trace, &playing.processes);
	struct trace_moment *moments = calloc(processes, sizeof(*moments));
	bool played = false;

	playing.endings = calloc(processes, sizeof(*playing.endings));
	if (moments && playing.endings) {
		set_moments(&playing, moments, processes, list, count, has_at);
		played = trace_play(trace, options, moments, &audience);
	}
	free(moments);
	free(playing.endings);
	return played;
}
