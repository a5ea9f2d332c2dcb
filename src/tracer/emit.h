/* Records into the ring. A full ring is a brake: emit waits, and the stopped
 * threads with it. */
#ifndef EMIT_H
#define EMIT_H

#include "call.h"
#include "thread.h"
#include "tracer.h"

void emit_init(struct tracer *, bool (*front_gone)(void));
void emit(enum record_kind, const struct thread *); /* NULL: about none */
void emit_space(enum record_kind, const struct space *); /* about its process */
void emit_thread_begin(const struct thread *);
void emit_status(enum record_kind, const struct thread *, int status);
void emit_fork(const struct thread *child, const struct thread *parent);
void emit_lifted(const struct space *, size_t pages, size_t differences);
void emit_end(void);
void emit_refused(const struct space *, taddr_t addr, int error);
void emit_returns(const struct thread *, taddr_t addr, uint32_t function);
void emit_point(const struct thread *, const struct probe *, const struct arch_regs *);
void emit_watch(const struct thread *, const struct probe *, const struct arch_regs *, taddr_t slot);
void emit_earlier(const struct thread *, uint64_t result);

struct emit_result { /* what a RETURN knows beyond the call */
	uint64_t result, out, before; /* as in record_return */
	struct arch_frame frame;
};

void emit_map(struct thread *, const struct map_call *, const struct arch_frame *, bool held);
void emit_entered(struct thread *, const struct call *, const struct arch_regs *);
void emit_call(enum record_kind, const struct thread *, const struct call *);
void emit_return(struct thread *, const struct call *, const struct emit_result *);

#endif
