#include "alerts.h"

#include <stdlib.h>

#include "analysis.h"
#include "holdings.h"

#define SECOND_NS UINT64_C(1000000000)

struct alert_process {
	struct holdings holdings;
	uint64_t since_ns; /* blocks from before are none of theirs; 0: none are kept */
	uint64_t second_ns, in_second; /* the second under way, and its allocations */
	uint64_t told_ns[ALERT_KINDS]; /* of those of the whole process; 0: never */
	bool is_above;                 /* live bytes are, and it was told */
};

static void process_free(struct alert_process *process)
{
	if (process)
		holdings_deinit(&process->holdings);
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

/* NULL: of what is older than the question, or is inherited: it would count for less than was
 * held. */
static struct holding *freed(struct alert_process *process, const struct heap_event *event)
{
	struct holding *held = event->was_ns < process->since_ns ?
	                               NULL :
	                               holdings_find(&process->holdings, event->was.tid,
	                                             event->was.site);

	if (held)
		held->total -= (int64_t)event->was.size;
	return held;
}

static struct holding *allocated(struct alert_process *process, const struct heap_event *event)
{
	struct holding *held = holdings_put(&process->holdings, event->tid, event->site);

	if (held)
		held->total += (int64_t)event->size;
	return held;
}

static void judge_new(struct alerts *alerts, struct heap *heap, const struct heap_event *event,
                      struct holding *held)
{
	uint64_t limit = alerts->limits->block;
	struct alert alert = { .kind = ALERT_BLOCK, .tid = event->tid, .site = event->site,
		               .function = event->function, .delta = (int64_t)event->size,
		               .total = (uint64_t)held->total };

	if (limit && event->size > limit)
		tell(alerts, heap, event, alert);
	judge_holding(alerts, heap, event, held, alert);
}

/* What a realloc takes and gives is one change: none of it is judged before both are known. */
static void hold(struct alerts *alerts, struct heap *heap, const struct heap_event *event,
                 struct alert_process *process, bool allocates)
{
	struct holding *old = event->state == HEAP_GIVEN_LIVE ? freed(process, event) : NULL;
	struct holding *new = allocates ? allocated(process, event) : NULL;

	if (old && old != new)
		judge_holding(alerts, heap, event, old,
		              (struct alert){ .tid = event->was.tid, .site = event->was.site,
		                              .function = event->function });
	if (new)
		judge_new(alerts, heap, event, new);
	if (old)
		holdings_settle(&process->holdings, old);
}

static bool wants_holdings(const struct alert_limits *limits)
{
	return limits->block || limits->delta;
}

static bool is_asked_for(const struct alert_limits *limits)
{
	return wants_holdings(limits) || limits->live || limits->rate;
}

static void forget(struct alerts *alerts)
{
	struct table_slot *slot;

	for (size_t at = 0; (slot = table_next(&alerts->processes, &at));)
		process_free((struct alert_process *)(uintptr_t)slot->value);
	table_deinit(&alerts->processes);
}

static void judge(struct alerts *alerts, struct heap *heap, const struct heap_event *event,
                  struct alert_process *process, bool allocates)
{
	if (!wants_holdings(alerts->limits)) {
		holdings_deinit(&process->holdings);
		process->since_ns = 0;
	} else {
		process->since_ns = process->since_ns ? process->since_ns : event->time_ns;
		hold(alerts, heap, event, process, allocates);
	}
	if (allocates)
		judge_rate(alerts, heap, event, process);
	judge_live(alerts, heap, event, process);
}

void alerts_hear(void *ctx, struct heap *heap, const struct heap_event *event)
{
	struct alerts *alerts = ctx;
	bool allocates = event->block && event->kind != HEAP_EVENT_EARLIER;
	bool ends = event->kind == HEAP_EVENT_THREAD_END;
	struct alert_process *process;

	if (!is_asked_for(alerts->limits)) {
		forget(alerts);
		return;
	}
	if (event->kind == HEAP_EVENT_IMAGE || event->kind == HEAP_EVENT_FORK ||
	    event->kind == HEAP_EVENT_EXIT || event->kind == HEAP_EVENT_ON)
		process_drop(alerts, heap);
	process = allocates || ends || event->state == HEAP_GIVEN_LIVE ? process_of(alerts, heap) : NULL;
	if (process && ends)
		holdings_thread_ended(&process->holdings, event->tid);
	else if (process)
		judge(alerts, heap, event, process, allocates);
}

void alerts_init(struct alerts *alerts, const struct alert_limits *limits,
                 void (*told)(void *ctx, struct heap *, const struct alert *), void *ctx)
{
	*alerts = (struct alerts){ .limits = limits, .tell = told, .ctx = ctx };
}

void alerts_deinit(struct alerts *alerts)
{
	forget(alerts);
}
