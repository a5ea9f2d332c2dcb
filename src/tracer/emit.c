#include "emit.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "cost.h"
#include "mem.h"
#include "moment.h"
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

static struct record header(enum record_kind kind, const struct thread *thread, size_t len)
{
	struct record record = { .len = len, .kind = kind, .time_ns = moment_ns() };

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

void emit_thread_begin(const struct thread *thread)
{
	struct record_thread record = { header(REC_THREAD_BEGIN, thread, sizeof(record)),
		                        thread->creator, 0, thread->start.addr, thread->start.arg };

	put(&record, sizeof(record));
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

void emit_returns(const struct thread *thread, taddr_t addr, uint32_t function)
{
	struct record_returns record = { header(REC_RETURNS, thread, sizeof(record)), addr, function, 0 };

	put(&record, sizeof(record));
}

void emit_earlier(const struct thread *thread, uint64_t result)
{
	struct record_earlier record = { header(REC_EARLIER, thread, sizeof(record)), result };

	put(&record, sizeof(record));
}

void emit_point(const struct thread *thread, const struct probe *probe, const struct arch_regs *regs)
{
	struct record_point record = { .record = header(REC_POINT, thread, sizeof(record)),
		                       .point = probe->function };

	for (unsigned i = 0; i < probe->result; i++) {
		uint64_t value = arch_value(regs, probe->args[i]);
		int mem = thread->space->mem;

		record.args[i] = value;
		if (probe->flags & PROBE_STRING &&
		    mem_read(mem, value, record.texts[i], mem_string(mem, value, POINT_TEXT - 1)) < 0)
			record.texts[i][0] = 0;
	}
	put(&record, sizeof(record));
}

void emit_watch(const struct thread *thread, const struct probe *probe,
                const struct arch_regs *regs, taddr_t slot)
{
	struct record_watch record = { .record = header(REC_WATCH, thread, sizeof(record)),
		                       .function = probe->function,
		                       .ended = probe->kind == PROBE_WATCH_END,
		                       .held = thread->space->holds, .slot = slot };

	if (record.ended)
		record.values[0] = arch_value(regs, probe->result);
	for (unsigned i = 0; !record.ended && i < RECORD_ARGS; i++)
		record.values[i] = arch_arg(regs, i);
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
	size_t changed; /* bytes from addr on */
	taddr_t addr, end; /* up to where it is known; addr: none of it is */
	taddr_t other_addr;
	const uint8_t *other;
	size_t other_len;
};

/* A handler on a stack of its own: the stack it interrupted is wanted too. */
static void take_other(struct thread *thread, struct piece *piece)
{
	struct handler *handler = &thread->handler;

	if (!handler->own_stack)
		return;
	if (piece->addr > handler->own_stack || handler->own_stack - piece->addr > stack_room()) {
		handler->own_stack = 0; /* it has ended */
		return;
	}
	piece->other_addr = handler->interrupted & ~(taddr_t)7;
	piece->other = stack_other(thread->tid, piece->other_addr, &piece->other_len);
}

static struct piece take_piece(struct thread *thread, taddr_t addr)
{
	struct piece piece = { .addr = addr, .end = addr };

	if (!stack_take(&thread->capture, thread->tid, addr, &piece.changed))
		return piece;
	take_other(thread, &piece);
	piece.end = thread->capture.end;
	return piece;
}

static size_t names_len(const struct call *call)
{
	return call->name_count * sizeof(*call->names);
}

/* head: all but the stack, which is its last member, and the names behind that. */
static void put_with_stack(struct thread *thread, const void *head, size_t head_len,
                           const struct piece *piece, const struct call *named)
{
	size_t len = (head_len + piece->changed + piece->other_len + 7) & ~(size_t)7;
	size_t names = named ? names_len(named) : 0;
	uint8_t *at = reserve(len + names);
	struct record_stack *stack;

	if (!at)
		return;
	memcpy(at, head, head_len);
	((struct record *)at)->len = len + names;
	stack = (struct record_stack *)(at + head_len - sizeof(*stack));
	*stack = (struct record_stack){ .addr = piece->addr, .end = piece->end,
		                        .other_addr = piece->other_addr, .len = piece->changed,
		                        .other_len = piece->other_len, .stalls = stalls };
	if (piece->changed)
		memcpy(stack->bytes, stack_bytes(&thread->capture, piece->addr), piece->changed);
	if (piece->other_len)
		memcpy(stack->bytes + piece->changed, piece->other, piece->other_len);
	if (names)
		memcpy(at + len, named->names, names);
	ring_commit(&link_->records, len + names);
	ring_bell(false);
}

static struct record_call record_of(enum record_kind kind, const struct thread *thread,
                                    const struct call *call)
{
	struct record_call record = { header(kind, thread, sizeof(record) + names_len(call)),
		                      .function = call->function, .slot = call->slot,
		                      .name_count = call->name_count };

	memcpy(record.args, call->args, sizeof(record.args));
	return record;
}

void emit_call(enum record_kind kind, const struct thread *thread, const struct call *call)
{
	struct record_call record = record_of(kind, thread, call);
	uint8_t *at = reserve(record.record.len);

	if (!at)
		return;
	memcpy(at, &record, sizeof(record));
	memcpy(at + sizeof(record), call->names, names_len(call));
	ring_commit(&link_->records, record.record.len);
	ring_bell(false);
}

void emit_return(struct thread *thread, const struct call *call, const struct emit_result *result)
{
	struct piece piece = take_piece(thread, call->slot);
	struct record_return record = { .call = record_of(REC_RETURN, thread, call),
		                        .result = result->result, .out = result->out,
		                        .before = result->before,
		                        .frame = result->frame };

	put_with_stack(thread, &record, sizeof(record), &piece, call);
}

void emit_entered(struct thread *thread, const struct call *call, const struct arch_regs *regs)
{
	struct arch_frame frame = arch_here(regs);
	struct piece piece = take_piece(thread, frame.sp & ~(taddr_t)7);
	struct record_entered record = { .call = record_of(REC_ENTER_STACK, thread, call),
		                         .frame = frame };

	put_with_stack(thread, &record, sizeof(record), &piece, call);
}

void emit_map(struct thread *thread, const struct map_call *call, const struct arch_frame *frame,
              bool held)
{
	struct piece piece = take_piece(thread, frame->sp & ~(taddr_t)7);
	const struct calls *calls = &thread->layers[LAYER_HEAP].calls;
	const struct call *outer = calls->depth ? &calls->stack[0] : NULL;
	struct record_map record = { .call = *call, .function = NO_FUNCTION, .held = held,
		                     .frame = *frame };

	if (outer && outer->entry)
		record.function = outer->function;
	record.record = header(REC_MAP, thread, sizeof(record));
	put_with_stack(thread, &record, sizeof(record), &piece, NULL);
	if (held)
		ring_bell(true);
}
