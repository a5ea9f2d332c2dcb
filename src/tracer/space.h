/* The address spaces that are traced, each with its traps. A space has a number of its
 * own; it lives as long as it has users, the threads in it: of one process, or of several,
 * when a child shares its parent's memory. It owns its memory descriptor and its probes. */
#ifndef SPACE_H
#define SPACE_H

#include <sys/types.h>

#include "blocks.h"
#include "plan.h"
#include "text.h"

struct space {
	uint32_t image; /* as in struct record */
	uint32_t copy_of; /* that image, as long as the front may not know; 0: none */
	unsigned users;
	pid_t pid; /* whose memory; 0: out of reach */
	int mem;
	taddr_t stack_end; /* of its first thread: no frame lies beyond; 0: not known */
	struct probe *probes;
	size_t count, capacity;
	struct table by_addr; /* address -> index in probes + 1 */
	struct text text; /* as it was */
	pid_t mapper; /* the thread whose system call maps now; 0: none; -1: none may */
	enum { LEAVE_NOT, LEAVE_ASKED, LEAVE_SEEN, LEAVE_FREE } leave; /* its process, see turn.h */
	bool holds;    /* who maps memory, or meets a WATCH, see CMD_HOLD */
	bool released; /* without traps, and its threads go, see release.h */
	bool off;      /* without those of allocators' functions, see bp_off */
	bool wants_quiet;
	uint64_t wants_since_ms;
	uint64_t moved_ms; /* when a thread that others wait for was last seen not to sleep */
	uint32_t every_call; /* 0: off; how many more unrelated ones are looked at; or: */
#define EVERY_CALL_ALWAYS UINT32_MAX
	bool is_earlier; /* it was there before us: so may blocks be */
	struct blocks blocks; /* that live, of the functions that are not counted beside */
	struct table returns; /* addresses for which an EXIT was asked, see PROBE_RETURNS */
	struct table unrelated; /* system call instruction -> hits, see bp_unrelated */
	struct probe sigreturn; /* known, not planted; addr 0: none */
	struct space *next;
};

/* Without memory or traps; the caller is its first user. NULL: no memory. */
struct space *space_new(void);
int space_open(struct space *, pid_t pid); /* 0 or -errno */
void space_enter(struct space *);
void space_leave(struct space *); /* the last one closes it; lifts nothing; NULL is none */
/* May there be one more beside those that must be? Descriptors run short otherwise, here
 * or in the front, and what is let go could not be cleaned. */
bool space_has_room(void);
struct space *space_find(uint32_t image); /* or NULL */
struct space *space_next(const struct space *); /* of all of them; NULL begins, and ends */

#endif
