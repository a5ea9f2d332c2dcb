/* Records into the ring. A full ring is a brake: emit waits, and the stopped
 * threads with it. */
#ifndef EMIT_H
#define EMIT_H

#include "call.h"
#include "thread.h"
#include "tracer.h"

void emit_init(struct tracer *, bool (*front_gone)(void));
void emit_image(uint16_t image); /* of the records from now on */
void emit(enum record_kind, pid_t tid, pid_t pid);
void emit_status(enum record_kind, pid_t tid, pid_t pid, int status);
void emit_lifted(size_t pages, size_t differences);
void emit_end(void);
void emit_refused(taddr_t addr, int error);

struct emit_return { /* what a RETURN knows beyond the call */
	uint64_t result, out;
	struct arch_frame frame;
};

/* RETURN when ret is given, else kind. */
void emit_call(enum record_kind, struct thread *, const struct call *, const struct emit_return *);

#endif
