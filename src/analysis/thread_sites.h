/* What each thread has allocated at each site. One that nothing is live of is forgotten when its
 * thread has ended, so there are never more than live threads and live blocks need. */
#ifndef THREAD_SITES_H
#define THREAD_SITES_H

#include "counters.h"

/* bytes: more, or less, live ones. first: of the thread's list, or NULL when it is not there:
 * then no new one is made. */
void thread_sites_change(struct thread_sites *, int tid, uint32_t site, int64_t bytes,
                         uint64_t time_ns, uint32_t *first);
void thread_sites_end(struct thread_sites *, uint32_t first);
void thread_sites_clear(struct thread_sites *);
void thread_sites_deinit(struct thread_sites *);

#endif
