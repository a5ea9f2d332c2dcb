/* Capturing a thread's stack. The image of the last capture is kept, and only
 * what changed since is handed on: between two allocations a thread rewrites
 * its innermost frames and leaves the many above them alone. */
#ifndef STACK_H
#define STACK_H

#include <sys/types.h>

#include "types.h"

struct capture {        /* of one thread; all zero: none yet */
	uint8_t *image; /* stack_room() bytes, aligned to the end */
	taddr_t end;    /* the address behind the image */
	size_t len;     /* bytes of it that are known */
	taddr_t limit;  /* where the thread's stack was last seen to end; 0: not seen */
	taddr_t bound;  /* no frame lies beyond; 0: not known */
};

void stack_set_depth(unsigned frames); /* before any capture */
size_t stack_room(void);               /* the most a capture can hold, bytes */
/* A stop begins, or the thread's memory was written: what was read is not to be trusted. */
void stack_stale(void);
/* Of the stack at addr. False: it could not be read, or not so much of it. */
bool stack_read(const struct capture *, pid_t tid, taddr_t addr, void *buf, size_t len);
/* Reads from slot upwards. [slot, slot + *changed) of the image differs from the
 * last capture; the image reaches to capture->end. False: nothing could be read. */
bool stack_take(struct capture *, pid_t tid, taddr_t slot, size_t *changed);
const uint8_t *stack_bytes(const struct capture *, taddr_t addr);
/* Some bytes from addr upwards, at most a capture's worth; valid until the next
 * call here. NULL with *len 0: none. */
const uint8_t *stack_other(pid_t tid, taddr_t addr, size_t *len);
void stack_drop(struct capture *);  /* forgets the image, keeps the memory */

#endif
