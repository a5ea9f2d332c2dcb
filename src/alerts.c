#include "alerts.h"

#include <stdlib.h>

#include "analysis.h"

#define SECOND_NS UINT64_C(1000000000)

struct holding { /* of one thread from one site */
	int64_t total, told; /* bytes */
	uint64_t told_ns;    /* 0: never */
};

struct alert_process {
	struct table index; /* tid << 32 | site -> place in holdings + 1 */
	struct holding *holdings;
	size_t count, capacity;
	uint64_t second_ns, in_second; /* the second under way, and its allocations */
	uint64_t told_ns[ALERT_KINDS]; /* of those of the whole process; 0: never */
	bool is_above;                 /* live bytes are, and it was told */
};

static void process_free(struct alert_process *process)
{
	if (process) {
		table_deinit(&process->index);
		free(process->holdings);
	}
	free(process);
}

static void process_drop(struct alerts *alerts, const struct heap *heap)
{
	const uint64_t *slot = table_find(&alerts->processes, (uintptr_t)heap);

	if (slot)
		process_free((struct alert_process *)(uintptr_t)*slot);
	table_remove(&alerts->processes, (uintptr_t)heap);
}

static struct alert_process *process_of(struct alerts *alerts, const struct heap *heap)
{
	uint64_t *slot = table_put(&alerts->processes, (uintptr_t)heap);

	if (slot && !*slot)
		*slot = (uintptr_t)calloc(1, sizeof(struct alert_process));
	return slot ? (struct alert_process *)(uintptr_t)*slot : NULL;
}

static struct holding *holding_of(struct alert_process *process, int tid, uint32_t site)
{
	uint64_t *place = table_put(&process->index, (uint64_t)tid << 32 | site);
	size_t capacity = process->capacity ? 2 * process->capacity : 64;
	struct holding *grown = process->holdings;

	if (!place)
		return NULL;
	if (*place)
		return &grown[*place - 1];
	if (process->count == process->capacity &&
	    !(grown = realloc(process->holdings, capacity * sizeof(*grown))))
		return NULL;
	if (process->count == process->capacity)
		process->capacity = capacity;
	process->holdings = grown;
	grown[process->count] = (struct holding){ 0 };
	*place = ++process->count;
	return &grown[*place - 1];
}

/* ---- judging ------------------------------------------------------------------------------ */

static void tell(struct alerts *alerts, struct heap *heap, const struct heap_event *event,
                 struct alert alert)
{
	alert.time_ms = (event->time_ns - heap_program(heap)->began_ns) / 1000000;
	alerts->tell(alerts->ctx, heap, &alert);
}

static bool is_time(const struct alerts *alerts, uint64_t now_ns, uint64_t told_ns)
{
	return !told_ns || now_ns - told_ns > alerts->limits->time_ms * 1000000;
}

static void judge_holding(struct alerts *alerts, struct heap *heap, const struct heap_event *event,
                          struct holding *held, struct alert alert)
{
	uint64_t limit = alerts->limits->delta;
	int64_t delta = held->total - held->told;

	if (!limit || (uint64_t)llabs(delta) <= limit ||
	    !is_time(alerts, event->time_ns, held->told_ns))
		return;
	held->told = held->total;
	held->told_ns = event->time_ns;
	alert.kind = delta > 0 ? ALERT_GROWTH : ALERT_SHRINKAGE;
	alert.delta = delta;
	alert.total = (uint64_t)held->total;
	tell(alerts, heap, event, alert);
}

/* Of the process: once, until it is below again. */
static void judge_live(struct alerts *alerts, struct heap *heap, const struct heap_event *event,
                       struct alert_process *process)
{
	uint64_t live = heap_totals(heap)->live_bytes, limit = alerts->limits->live;
	bool above = limit && live > limit;

	process->is_above &= above;
	if (!above || process->is_above || !is_time(alerts, event->time_ns, process->told_ns[ALERT_LIVE]))
		return;
	process->is_above = true;
	process->told_ns[ALERT_LIVE] = event->time_ns;
	tell(alerts, heap, event, (struct alert){ .kind = ALERT_LIVE, .tid = event->tid,
	                                          .delta = (int64_t)(live - limit), .total = live });
}

static void judge_rate(struct alerts *alerts, struct heap *heap, const struct heap_event *event,
                       struct alert_process *process)
{
	uint64_t limit = alerts->limits->rate;

	if (event->time_ns - process->second_ns >= SECOND_NS) {
		process->second_ns = event->time_ns;
		process->in_second = 0;
	}
	if (++process->in_second != limit + 1 || !limit ||
	    !is_time(alerts, event->time_ns, process->told_ns[ALERT_RATE]))
		return;
	process->told_ns[ALERT_RATE] = event->time_ns;
	tell(alerts, heap, event, (struct alert){ .kind = ALERT_RATE, .tid = event->tid,
	                                          .delta = (int64_t)process->in_second,
	                                          .total = heap_totals(heap)->live_bytes });
}

/* ---- events ------------------------------------------------------------------------------- */

/* Frees of what is older than the question, or is inherited, would count for less than was held. */
static bool is_of_before(const struct alerts *alerts, const struct heap *heap,
                         const struct heap_event *event)
{
	return event->was_ns < alerts->since_ns || event->was_ns < heap_program(heap)->began_ns;
}

static void freed(struct alerts *alerts, struct heap *heap, const struct heap_event *event,
                  struct alert_process *process)
{
	struct holding *held = is_of_before(alerts, heap, event) ?
	                               NULL :
	                               holding_of(process, event->was.tid, event->was.site);

	if (!held)
		return;
	held->total -= (int64_t)event->was.size;
	judge_holding(alerts, heap, event, held,
	              (struct alert){ .tid = event->was.tid, .site = event->was.site,
	                              .function = event->function });
}

static void allocated(struct alerts *alerts, struct heap *heap, const struct heap_event *event,
                      struct alert_process *process)
{
	const struct alert_limits *limits = alerts->limits;
	struct holding *held = holding_of(process, event->tid, event->site);
	struct alert alert = { .kind = ALERT_BLOCK, .tid = event->tid, .site = event->site,
		               .function = event->function, .delta = (int64_t)event->size };

	if (!held)
		return;
	held->total += (int64_t)event->size;
	alert.total = (uint64_t)held->total;
	if (limits->block && event->size > limits->block)
		tell(alerts, heap, event, alert);
	judge_holding(alerts, heap, event, held, alert);
	judge_rate(alerts, heap, event, process);
}

static bool is_asked_for(const struct alert_limits *limits)
{
	return limits->block || limits->delta || limits->live || limits->rate;
}

static void forget(struct alerts *alerts)
{
	struct table_slot *slot;

	for (size_t at = 0; (slot = table_next(&alerts->processes, &at));)
		process_free((struct alert_process *)(uintptr_t)slot->value);
	table_clear(&alerts->processes);
	alerts->since_ns = 0;
}

void alerts_hear(void *ctx, struct heap *heap, const struct heap_event *event)
{
	struct alerts *alerts = ctx;
	bool allocates = event->block && event->kind != HEAP_EVENT_EARLIER;
	struct alert_process *process;

	if (!is_asked_for(alerts->limits)) {
		if (alerts->since_ns)
			forget(alerts);
		return;
	}
	if (!alerts->since_ns)
		alerts->since_ns = event->time_ns;
	if (event->kind == HEAP_EVENT_IMAGE || event->kind == HEAP_EVENT_FORK ||
	    event->kind == HEAP_EVENT_EXIT || event->kind == HEAP_EVENT_ON)
		process_drop(alerts, heap);
	process = allocates || event->state == HEAP_GIVEN_LIVE ? process_of(alerts, heap) : NULL;
	if (!process)
		return;
	if (event->state == HEAP_GIVEN_LIVE)
		freed(alerts, heap, event, process);
	if (allocates)
		allocated(alerts, heap, event, process);
	judge_live(alerts, heap, event, process);
}

void alerts_init(struct alerts *alerts, const struct alert_limits *limits,
                 void (*told)(void *ctx, struct heap *, const struct alert *), void *ctx)
{
	*alerts = (struct alerts){ .limits = limits, .tell = told, .ctx = ctx };
}

void alerts_deinit(struct alerts *alerts)
{
	forget(alerts);
	table_deinit(&alerts->processes);
}
