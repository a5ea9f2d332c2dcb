#include "emit.h"

#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cost.h"
#include "space.h"

static struct tracer *link_;
static bool (*front_gone)(void);
static uint32_t stalls;

void emit_init(struct tracer *tracer, bool (*gone)(void))
{
	link_ = tracer;
	front_gone = gone;
}

static void ring_bell(bool urgent)
{
	const uint64_t one = 1;

	if (ring_should_wake(&link_->records, urgent) &&
	    write(link_->doorbell, &one, sizeof(one)) < 0)
		return; /* the counter is full, so the front is awake anyway */
}

/* NULL only when nobody will ever read again. */
static void *reserve(size_t len)
{
	void *at = ring_reserve(&link_->records, len);

	if (at)
		return at;
	stalls++;
	while (!(at = ring_reserve(&link_->records, len))) {
		if (front_gone())
			return NULL;
		ring_bell(true);
		poll(NULL, 0, 1);
	}
	return at;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * UINT64_C(1000000000) + now.tv_nsec;
}

static struct record header(enum record_kind kind, const struct thread *thread, size_t len)
{
	struct record record = { .len = len, .kind = kind, .time_ns = now_ns() };

	if (!thread)
		return record;
	record.tid = thread->tid;
	record.pid = thread->pid;
	record.image = thread->space ? thread->space->image : 0;
	return record;
}

static void put(const void *record, size_t len)
{
	void *at = reserve(len);

	if (!at)
		return;
	memcpy(at, record, len);
	ring_commit(&link_->records, len);
	ring_bell(true);
}

void emit(enum record_kind kind, const struct thread *thread)
{
	struct record record = header(kind, thread, sizeof(record));

	put(&record, sizeof(record));
}

void emit_space(enum record_kind kind, const struct space *space)
{
	const struct thread whole = { .tid = space->pid, .pid = space->pid,
	                              .space = (struct space *)space };

	emit(kind, &whole);
}

void emit_status(enum record_kind kind, const struct thread *thread, int status)
{
	struct record_status record = { header(kind, thread, sizeof(record)), status, 0 };

	put(&record, sizeof(record));
}

void emit_lifted(const struct space *space, size_t pages, size_t differences)
{
	struct record_lifted record = { header(REC_LIFTED, NULL, sizeof(record)), pages, differences };

	record.record.image = space->image;
	put(&record, sizeof(record));
}

void emit_end(void)
{
	struct record_end record = { .record = header(REC_END, NULL, sizeof(record)) };

	cost_tell(&record);
	put(&record, sizeof(record));
}

void emit_earlier(const struct thread *thread, uint64_t result)
{
	struct record_earlier record = { header(REC_EARLIER, thread, sizeof(record)), result };

	put(&record, sizeof(record));
}

void emit_fork(const struct thread *child, const struct thread *parent)
{
	struct record_fork record = { header(REC_FORK, child, sizeof(record)),
		                      parent->space->image, parent->tid };

	put(&record, sizeof(record));
}

void emit_refused(const struct space *space, taddr_t addr, int error)
{
	struct record_refused record = { header(REC_REFUSED, NULL, sizeof(record)), addr, error, 0 };

	record.record.image = space ? space->image : 0;
	put(&record, sizeof(record));
}

struct piece { /* what of the stack goes into a record */
	size_t changed; /* bytes from the slot on */
	taddr_t end;    /* up to where it is known; the slot: none of it is */
	taddr_t other_addr;
	const uint8_t *other;
	size_t other_len;
};

/* A handler on a stack of its own: the stack it interrupted is wanted too. */
static void take_other(struct thread *thread, taddr_t slot, struct piece *piece)
{
	struct handler *handler = &thread->handler;

	if (!handler->own_stack)
		return;
	if (slot > handler->own_stack || handler->own_stack - slot > stack_room()) {
		handler->own_stack = 0; /* it has ended */
		return;
	}
	piece->other_addr = handler->interrupted & ~(taddr_t)7;
	piece->other = stack_other(thread->tid, piece->other_addr, &piece->other_len);
}

static void fill(struct record_call *record, struct thread *thread, const struct call *call,
                 const struct emit_return *ret, const struct piece *piece)
{
	record->function = call->function;
	record->slot = call->slot;
	record->name_count = call->name_count;
	memcpy(record->names, call->names, sizeof(record->names));
	memcpy(record->args, call->args, sizeof(record->args));
	record->result = ret ? ret->result : 0;
	record->out = ret ? ret->out : 0;
	record->frame = ret ? ret->frame : (struct arch_frame){ 0 };
	record->stack_addr = call->slot;
	record->stack_len = piece->changed;
	record->stack_end = piece->end;
	record->stalls = stalls;
	record->other_addr = piece->other_addr;
	record->other_len = piece->other_len;
	if (piece->changed)
		memcpy(record->stack, stack_bytes(&thread->capture, call->slot), piece->changed);
	if (piece->other_len)
		memcpy(record->stack + piece->changed, piece->other, piece->other_len);
}

void emit_call(enum record_kind kind, struct thread *thread, const struct call *call,
               const struct emit_return *ret)
{
	bool captured = false;
	struct piece piece = { 0 };
	struct record_call *record;
	size_t len;

	if (ret)
		captured = stack_take(&thread->capture, thread->tid, call->slot, &piece.changed);
	if (captured)
		take_other(thread, call->slot, &piece);
	piece.end = captured ? thread->capture.end : call->slot;
	len = (sizeof(*record) + piece.changed + piece.other_len + 7) & ~(size_t)7;
	record = reserve(len);
	if (!record)
		return;
	record->record = header(kind, thread, len);
	fill(record, thread, call, ret, &piece);
	ring_commit(&link_->records, len);
	ring_bell(false);
}
