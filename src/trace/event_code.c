#include "event_code.h"

/* The first byte: the kind, and what else there is. */
enum { KIND = 0x0f, OTHER_THREAD = 0x10, OTHER_NAME = 0x20, OTHER_SIZE = 0x40, GONE = 0x80 };

_Static_assert((int)HEAP_EVENTS <= (int)KIND, "a kind has four bits, and one of them is none");

static const struct {
	bool site, given, block, size, call;
} has[HEAP_EVENTS] = {
	[HEAP_EVENT_ALLOC] = { .site = true, .block = true, .size = true },
	[HEAP_EVENT_FREE] = { .site = true, .given = true },
	[HEAP_EVENT_REALLOC_BEGIN] = { .site = true, .given = true },
	[HEAP_EVENT_REALLOC] = { .site = true, .block = true, .size = true },
	[HEAP_EVENT_REF] = { .site = true, .given = true },
	[HEAP_EVENT_UNREF] = { .site = true, .given = true },
	[HEAP_EVENT_EARLIER] = { .block = true },
	[HEAP_EVENT_MAP] = { .site = true, .call = true },
};

static struct event_guess *guess_of(struct event_code *code, const struct heap_event *event)
{
	uint32_t site = has[event->kind].site ? event->site : 0;

	return &code->guesses[(site * 16 + event->kind) * 2654435761u >> 24];
}

static struct event_guess guess_by(const struct heap_event *event)
{
	return (struct event_guess){ event->number, event->entry,
		                     has[event->kind].size ? event->size : 0 };
}

/* ---- putting ----------------------------------------------------------------------------- */

static unsigned flags_of(const struct event_code *code, const struct event_guess *guess,
                         const struct heap_event *event)
{
	bool is_other = guess->entry != event->entry || guess->number != event->number;

	return (event->tid != code->tid ? OTHER_THREAD : 0) | (is_other ? OTHER_NAME : 0) |
	       (has[event->kind].size && guess->size != event->size ? OTHER_SIZE : 0) |
	       (event->gone ? GONE : 0);
}

static void put_call(struct wire *to, const struct heap_event *event)
{
	const struct map_call *call = event->call;

	for (size_t i = 0; i < MAP_CALL_ARGS; i++)
		wire_signed(to, (int64_t)call->args[i]);
	wire_signed(to, call->result);
	wire_number(to, call->mapped);
	wire_number(to, call->address);
	wire_number(to, call->kind);
	wire_number(to, call->gone);
	wire_number(to, event->origin);
}

static void put_rest(struct event_code *code, struct wire *to, const struct heap_event *event)
{
	if (has[event->kind].given) {
		wire_signed(to, (int64_t)(event->given - code->given));
		code->given = event->given;
	}
	if (has[event->kind].block) {
		wire_signed(to, (int64_t)(event->block - code->block));
		code->block = event->block;
	}
	if (event->kind == HEAP_EVENT_REALLOC)
		wire_signed(to, (int64_t)(event->given - code->begun));
	if (event->kind == HEAP_EVENT_REALLOC_BEGIN)
		code->begun = event->given;
	if (has[event->kind].call)
		put_call(to, event);
}

void event_put(struct event_code *code, struct wire *to, const struct heap_event *event)
{
	struct event_guess *guess = guess_of(code, event);
	unsigned flags = flags_of(code, guess, event);
	uint8_t first = event->kind | flags;

	wire_put(to, &first, 1);
	if (flags & OTHER_THREAD)
		wire_signed(to, event->tid - (int64_t)code->tid);
	wire_signed(to, (int64_t)(event->time_ns - code->time_ns));
	if (has[event->kind].site)
		wire_signed(to, (int64_t)event->site - code->site);
	if (flags & OTHER_NAME) {
		wire_number(to, event->entry + 1);
		wire_number(to, (uint32_t)(event->number + 1));
	}
	if (flags & OTHER_SIZE)
		wire_number(to, event->size);
	put_rest(code, to, event);
	code->tid = event->tid;
	code->time_ns = event->time_ns;
	code->site = has[event->kind].site ? event->site : code->site;
	*guess = guess_by(event);
}

/* ---- taking ------------------------------------------------------------------------------ */

static void take_call(struct wire_reader *from, struct heap_event *event, struct map_call *call)
{
	for (size_t i = 0; i < MAP_CALL_ARGS; i++)
		call->args[i] = (uint64_t)wire_take_signed(from);
	call->result = wire_take_signed(from);
	call->mapped = wire_take_number(from);
	call->address = wire_take_number(from);
	call->kind = wire_take_most(from, UINT8_MAX);
	call->gone = wire_take_flag(from);
	event->origin = wire_take_most(from, UINT32_MAX);
	event->call = call;
}

static void take_rest(struct event_code *code, struct wire_reader *from, struct heap_event *event,
                      struct map_call *call)
{
	if (has[event->kind].given)
		code->given = event->given = code->given + (taddr_t)wire_take_signed(from);
	if (has[event->kind].block)
		code->block = event->block = code->block + (taddr_t)wire_take_signed(from);
	if (event->kind == HEAP_EVENT_REALLOC)
		event->given = code->begun + (taddr_t)wire_take_signed(from);
	if (event->kind == HEAP_EVENT_REALLOC_BEGIN)
		code->begun = event->given;
	if (has[event->kind].call)
		take_call(from, event, call);
}

static void take_site(struct event_code *code, struct wire_reader *from, struct heap_event *event)
{
	int64_t site = wire_take_signed(from);

	if (site > UINT32_MAX || site < -(int64_t)UINT32_MAX || site + code->site < 0 ||
	    site + code->site > UINT32_MAX)
		from->failed = true;
	else
		event->site = code->site = (uint32_t)(site + code->site);
}

bool event_take(struct event_code *code, struct wire_reader *from, struct heap_event *event,
                struct map_call *call)
{
	uint8_t first = from->at < from->end ? *from->at++ : KIND;
	struct event_guess *guess;

	*event = (struct heap_event){ .kind = first & KIND, .gone = first & GONE };
	if (event->kind >= HEAP_EVENTS)
		return false;
	if (first & OTHER_THREAD)
		code->tid = (int)((uint64_t)wire_take_signed(from) + (uint64_t)code->tid);
	event->tid = code->tid;
	event->time_ns = code->time_ns += (uint64_t)wire_take_signed(from);
	if (has[event->kind].site)
		take_site(code, from, event);
	guess = guess_of(code, event);
	event->entry = guess->entry;
	event->number = guess->number;
	event->size = has[event->kind].size ? guess->size : 0;
	if (first & OTHER_NAME) {
		event->entry = (int)wire_take_most(from, INT16_MAX) - 1;
		event->number = (uint32_t)wire_take_most(from, UINT32_MAX) - 1;
	}
	if (first & OTHER_SIZE)
		event->size = wire_take_number(from);
	take_rest(code, from, event, call);
	*guess = guess_by(event);
	return !from->failed;
}
