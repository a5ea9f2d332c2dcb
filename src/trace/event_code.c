#include "event_code.h"

#include <stdio.h>
#include <stdlib.h>

/* The first byte: the kind, and what else there is. Before it there may be what the block is
 * worth. */
enum { KIND = 0x1f, USABLE = KIND, OTHER_THREAD = 0x20, OTHER_NAME = 0x40, OTHER_SIZE = 0x80 };

_Static_assert((int)HEAP_EVENTS < (int)KIND, "a kind has five bits, and two of them are none");

static const struct {
	bool site, given, block, size, call, thread, status, point;
} has[HEAP_EVENTS] = {
	[HEAP_EVENT_ALLOC] = { .site = true, .block = true, .size = true },
	[HEAP_EVENT_FREE] = { .site = true, .given = true },
	[HEAP_EVENT_REALLOC_BEGIN] = { .site = true, .given = true },
	[HEAP_EVENT_REALLOC] = { .site = true, .block = true, .size = true },
	[HEAP_EVENT_REF] = { .site = true, .given = true },
	[HEAP_EVENT_UNREF] = { .site = true, .given = true },
	[HEAP_EVENT_EARLIER] = { .block = true },
	[HEAP_EVENT_MAP] = { .site = true, .call = true },
	[HEAP_EVENT_POINT] = { .point = true },
	[HEAP_EVENT_THREAD_BEGIN] = { .thread = true },
	[HEAP_EVENT_EXIT] = { .status = true },
};

static struct event_guess *guess_of(struct event_code *code, const struct heap_event *event)
{
	uint32_t site = has[event->kind].site ? event->site : 0;

	return &code->guesses[(site * 32 + event->kind) * 2654435761u >> 24];
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
	       (has[event->kind].size && guess->size != event->size ? OTHER_SIZE : 0);
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

/* What only few have. */
static void put_seldom(struct wire *to, const struct heap_event *event)
{
	if (has[event->kind].thread) {
		wire_signed(to, event->parent);
		wire_number(to, event->start);
		wire_number(to, event->start_arg);
	}
	if (has[event->kind].status)
		wire_signed(to, event->status);
	if (has[event->kind].point) {
		wire_number(to, event->action);
		wire_text(to, event->name);
		wire_text(to, event->detail);
	}
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
	if (event->kind == HEAP_EVENT_REALLOC) {
		wire_signed(to, (int64_t)(event->given - code->begun));
		wire_number(to, event->gone);
	}
	if (event->kind == HEAP_EVENT_REALLOC_BEGIN)
		code->begun = event->given;
	if (has[event->kind].call)
		put_call(to, event);
	put_seldom(to, event);
}

void event_put(struct event_code *code, struct wire *to, const struct heap_event *event)
{
	struct event_guess *guess = guess_of(code, event);
	unsigned flags = flags_of(code, guess, event);
	uint8_t first = event->kind | flags, usable = USABLE;

	if (event->usable) {
		wire_put(to, &usable, 1);
		wire_number(to, event->usable);
	}
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

static void take_name(struct wire_reader *from, char (*into)[EVENT_NAME], const char **out)
{
	char *text = wire_take_text(from);

	snprintf(*into, EVENT_NAME, "%s", text ? text : "");
	free(text);
	*out = *into;
}

static void take_seldom(struct event_code *code, struct wire_reader *from,
                        struct heap_event *event)
{
	if (has[event->kind].thread) {
		event->parent = (int)wire_take_signed(from);
		event->start = wire_take_number(from);
		event->start_arg = wire_take_number(from);
	}
	if (has[event->kind].status)
		event->status = (int)wire_take_signed(from);
	if (has[event->kind].point) {
		event->action = wire_take_most(from, POINT_ACTIONS - 1);
		take_name(from, &code->name, &event->name);
		take_name(from, &code->detail, &event->detail);
	}
}

static void take_rest(struct event_code *code, struct wire_reader *from, struct heap_event *event,
                      struct map_call *call)
{
	if (has[event->kind].given)
		code->given = event->given = code->given + (taddr_t)wire_take_signed(from);
	if (has[event->kind].block)
		code->block = event->block = code->block + (taddr_t)wire_take_signed(from);
	if (event->kind == HEAP_EVENT_REALLOC) {
		event->given = code->begun + (taddr_t)wire_take_signed(from);
		event->gone = wire_take_flag(from);
	}
	if (event->kind == HEAP_EVENT_REALLOC_BEGIN)
		code->begun = event->given;
	if (has[event->kind].call)
		take_call(from, event, call);
	take_seldom(code, from, event);
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

static uint8_t take_byte(struct wire_reader *from)
{
	return from->at < from->end ? *from->at++ : HEAP_EVENTS;
}

bool event_take(struct event_code *code, struct wire_reader *from, struct heap_event *event,
                struct map_call *call)
{
	uint8_t first = take_byte(from);
	struct event_guess *guess;

	*event = (struct heap_event){ .usable = first == USABLE ? wire_take_number(from) : 0 };
	first = first == USABLE ? take_byte(from) : first;
	event->kind = first & KIND;
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
