#include "emit.h"

#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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

static struct record header(enum record_kind kind, pid_t tid, pid_t pid, size_t len)
{
	return (struct record){ .len = len, .kind = kind, .tid = tid, .pid = pid,
		                .time_ns = now_ns() };
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

void emit(enum record_kind kind, pid_t tid, pid_t pid)
{
	struct record record = header(kind, tid, pid, sizeof(record));

	put(&record, sizeof(record));
}

void emit_status(enum record_kind kind, pid_t tid, pid_t pid, int status)
{
	struct record_status record = { header(kind, tid, pid, sizeof(record)), status, 0 };

	put(&record, sizeof(record));
}

void emit_refused(taddr_t addr, int error)
{
	struct record_refused record = { header(REC_REFUSED, 0, 0, sizeof(record)), addr, error, 0 };

	put(&record, sizeof(record));
}

static void fill(struct record_call *record, struct thread *thread, const struct call *call,
                 const struct emit_return *ret, size_t changed)
{
	record->function = call->function;
	record->name = call->name;
	record->slot = call->slot;
	record->name_slot = call->name_slot;
	record->name_arg = call->name_arg;
	memcpy(record->args, call->args, sizeof(record->args));
	record->result = ret ? ret->result : 0;
	record->out = ret ? ret->out : 0;
	record->frame = ret ? ret->frame : (struct arch_frame){ 0 };
	record->stack_addr = call->slot;
	record->stack_len = changed;
	record->stack_end = ret && ret->with_stack ? thread->capture.end : call->slot;
	record->stalls = stalls;
	if (changed)
		memcpy(record->stack, stack_bytes(&thread->capture, call->slot), changed);
}

void emit_call(enum record_kind kind, struct thread *thread, const struct call *call,
               const struct emit_return *ret)
{
	struct emit_return bare;
	struct record_call *record;
	size_t changed = 0, len;

	if (ret && ret->with_stack &&
	    !stack_take(&thread->capture, thread->tid, call->slot, &changed)) {
		bare = *ret;
		bare.with_stack = false;
		ret = &bare;
		changed = 0;
	}
	len = (sizeof(*record) + changed + 7) & ~(size_t)7;
	record = reserve(len);
	if (!record)
		return;
	record->record = header(kind, thread->tid, thread->pid, len);
	fill(record, thread, call, ret, changed);
	ring_commit(&link_->records, len);
	ring_bell(false);
}
