/* The words behind a command of ctl. */
#ifndef CTL_ARGS_H
#define CTL_ARGS_H

#include "control.h"
#include "heap_counters.h"

enum { /* flags that a command may take */
	CTL_JSON = 1, CTL_BOX = 2, CTL_TID = 4, CTL_BY = 8
};

#define CTL_WORDS 16

struct ctl_args {
	bool json, box, grouped;
	int tid;               /* 0: any */
	enum heap_group_by by; /* if grouped */
	int count;
	const char *words[CTL_WORDS + 1]; /* the others; the request's; NULL behind the last */
};

/* One row of the command line, for a request that has come so far. */
struct ctl_syntax {
	unsigned flags;  /* which it may have */
	int least, most; /* other words */
};

/* NULL, or what is wrong: a static sentence. */
const char *ctl_args_read(struct ctl_args *, const struct control_request *,
                          const struct ctl_syntax *);

#endif
