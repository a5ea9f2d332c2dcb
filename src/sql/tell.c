/* Events, as rows. */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "map_call.h"
#include "tell.h"

struct telling { /* one event */
	struct sql *sql;
	struct known *known;
	const struct heap_event *event;
	uint64_t thread, time_ns;      /* rows; since the trace began */
	struct value row[COLUMNS_MAX]; /* of EVENTS, as far as it goes */
};

/* ---- blocks -------------------------------------------------------------------------------- */

static void put_freed(struct telling *telling, struct live_block *block)
{
	const struct freeing freeing = { .event = telling->sql->events, .thread = telling->thread,
	                                 .time_ns = telling->time_ns };

	rows_block(telling->sql, telling->known, block, &freeing);
	if (telling->row[EVENT_FREED].kind != VALUE_NULL)
		return; /* of two, the one that was given back */
	telling->row[EVENT_FREED] = id(block->id);
	telling->row[EVENT_FREED_SIZE] = number(block->size);
}

static struct value address_of(taddr_t addr)
{
	return addr ? number(heap_event_address(addr)) : (struct value){ 0 };
}

static void take_back(struct telling *telling)
{
	const struct heap_event *event = telling->event;
	struct live_block block;

	telling->row[EVENT_FREED_ADDRESS] = address_of(event->given);
	telling->row[EVENT_STATE] = text(heap_event_state(event));
	if (event->state == HEAP_GIVEN_LIVE && known_take(telling->known, event->given, &block))
		put_freed(telling, &block);
}

/* It had been handed out before, and nobody was seen to free it. */
static void take_unseen(struct telling *telling)
{
	struct live_block block;

	if (!known_take(telling->known, telling->event->block, &block))
		return;
	put_freed(telling, &block);
	if (telling->row[EVENT_FREED_ADDRESS].kind != VALUE_NULL)
		return;
	telling->row[EVENT_FREED_ADDRESS] = address_of(block.address);
	telling->row[EVENT_STATE] = text("unseen");
}

static void hand_out(struct telling *telling)
{
	struct sql *sql = telling->sql;
	const struct heap_event *event = telling->event;
	uint64_t site = (uint64_t)telling->row[EVENT_SITE].number;
	struct live_block block = {
		.event = sql->events, .thread = telling->thread, .site = site, .size = event->size,
		.usable = event->usable, .time_ns = telling->time_ns, .address = event->block,
	};

	telling->row[EVENT_ADDRESS] = address_of(event->block);
	telling->row[EVENT_SIZE] = number(event->size);
	telling->row[EVENT_USABLE] = id(event->usable);
	if (!event->block)
		return;
	take_unseen(telling);
	rows_block_begins(sql, telling->known, &block);
	telling->row[EVENT_BLOCK] = id(block.id);
	if (!known_add(telling->known, &block))
		queue_give_up(sql->queue);
}

static void restore(struct telling *telling)
{
	struct live_block block;

	if (known_release(telling->known, telling->event->tid, &block) &&
	    !known_add(telling->known, &block))
		queue_give_up(telling->sql->queue);
}

/* ---- events, by kind ----------------------------------------------------------------------- */

static void tell_free(struct telling *telling)
{
	const struct live_block *held = known_held(telling->known, telling->event->tid);

	if (held && held->address == telling->event->given)
		restore(telling); /* that realloc was jumped out of */
	take_back(telling);
	telling->row[EVENT_USABLE] = id(telling->event->usable);
}

/* Another thread may be handed it out from now on. */
static void tell_realloc_begin(struct telling *telling)
{
	struct live_block block;

	restore(telling);
	if (known_take(telling->known, telling->event->given, &block) &&
	    !known_hold(telling->known, telling->event->tid, &block))
		queue_give_up(telling->sql->queue);
}

static void tell_realloc(struct telling *telling)
{
	const struct heap_event *event = telling->event;
	struct live_block block;
	bool held = known_release(telling->known, event->tid, &block);

	telling->row[EVENT_FREED_ADDRESS] = address_of(event->given);
	telling->row[EVENT_STATE] = text(event->gone ? heap_event_state(event) :
	                                 event->given ? "kept" : "null");
	if (held && event->gone)
		put_freed(telling, &block);
	else if (held && !known_add(telling->known, &block))
		queue_give_up(telling->sql->queue);
	else if (event->gone)
		take_back(telling);
	hand_out(telling);
}

static void tell_map(struct telling *telling)
{
	const struct map_call *call = telling->event->call;
	bool failed = call->result < 0 && call->result >= -4095;
	struct value row[COLUMNS_MAX] = {
		[CALL_EVENT] = id(telling->sql->events), [CALL_NAME] = text(telling->event->function),
		[CALL_ORIGIN] = text(heap_origin_name(telling->known->heap,
		                                      telling->event->origin)),
	};

	for (unsigned i = 0; i < map_call_arguments(call->kind); i++)
		row[CALL_ARG + i] = number(call->args[i]);
	row[failed ? CALL_ERROR : CALL_RESULT] =
		number(failed ? (uint64_t)-call->result : (uint64_t)call->result);
	queue_put(telling->sql->queue, MAP_CALLS_MADE, row);
}

static void tell_point(struct telling *telling)
{
	const struct heap_event *event = telling->event;

	queue_put(telling->sql->queue, MARKS, (const struct value[COLUMNS_MAX]){
		[MARK_EVENT] = id(telling->sql->events),
		[MARK_ACTION] = text(heap_event_action(event)),
		[MARK_NAME] = text(event->name), [MARK_DETAIL] = text(event->detail),
	});
}

static void tell_thread_end(struct telling *telling)
{
	restore(telling);
	rows_thread_ends(telling->sql, telling->known, telling->event->tid,
	                 telling->event->time_ns);
}

/* Of what lived nothing is known any more. */
static void tell_on(struct telling *telling)
{
	struct sql *sql = telling->sql;
	uint64_t bytes = rows_blocks_forgotten(sql, telling->known, sql->events);

	telling->row[EVENT_FREED_SIZE] = number(bytes);
}

static const struct {
	const char *name; /* NULL: it is no event of its own */
	void (*tell)(struct telling *);
} kinds[HEAP_EVENTS] = {
	[HEAP_EVENT_ALLOC] = { "alloc", hand_out },
	[HEAP_EVENT_FREE] = { "free", tell_free },
	[HEAP_EVENT_REALLOC_BEGIN] = { NULL, tell_realloc_begin },
	[HEAP_EVENT_REALLOC] = { "realloc", tell_realloc },
	[HEAP_EVENT_REF] = { "ref", take_back },
	[HEAP_EVENT_UNREF] = { "unref", tell_free },
	[HEAP_EVENT_ABANDONED] = { "abandoned", restore },
	[HEAP_EVENT_LOST] = { "lost", NULL },
	[HEAP_EVENT_MAP] = { "map", tell_map },
	[HEAP_EVENT_POINT] = { "point", tell_point },
	[HEAP_EVENT_THREAD_BEGIN] = { "thread-begin", NULL },
	[HEAP_EVENT_THREAD_END] = { "thread-end", tell_thread_end },
	[HEAP_EVENT_IMAGE] = { "exec", NULL },
	[HEAP_EVENT_FORK] = { "fork", NULL },
	[HEAP_EVENT_EXIT] = { "exit", NULL },
	[HEAP_EVENT_OFF] = { "off", NULL },
	[HEAP_EVENT_ON] = { "on", tell_on },
};

static void put_common(struct telling *telling, const char *name)
{
	const struct heap_event *event = telling->event;
	struct sql *sql = telling->sql;
	uint64_t site = rows_site(sql, telling->known, event->site, event->function);

	telling->row[EVENT_ID] = id(sql->events);
	telling->row[EVENT_PROCESS] = id(telling->known->id);
	telling->row[EVENT_THREAD] = id(telling->thread);
	telling->row[EVENT_TIME] = number(telling->time_ns);
	telling->row[EVENT_KIND] = text(name);
	telling->row[EVENT_FUNCTION] = text(event->function);
	telling->row[EVENT_SITE] = id(site);
}

void tell_event(struct sql *sql, struct known *known, const struct heap_event *event)
{
	const char *name = kinds[event->kind].name;
	struct telling telling = {
		.sql = sql, .known = known, .event = event,
		.time_ns = since_begin(sql, event->time_ns),
	};

	if (event->kind != HEAP_EVENT_EXIT) /* that of a thread that has ended, perhaps */
		telling.thread = rows_thread(sql, known, event->tid, event->time_ns);
	sql->events += name != NULL;
	if (name)
		put_common(&telling, name);
	if (kinds[event->kind].tell)
		kinds[event->kind].tell(&telling);
	if (name)
		queue_put_at_end(sql->queue, EVENTS, telling.row);
}
