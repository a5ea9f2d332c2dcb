/* The reports of a session: of which processes one is due, and what stands in it. Where it
 * goes: dest.h; how it looks: output.h. */
#ifndef REPORTING_H
#define REPORTING_H

#include <sys/types.h>

#include "leaks.h"
#include "processes.h"
#include "recording.h"
#include "writers.h"

struct one_off { /* a dump for one who asked for it, beside the destinations of all others */
	const struct dest *dest; /* NULL: to those all the same */
	int pid;    /* of the only process that is meant, or 0 */
	int errors; /* with dest: a descriptor, for what would be said on stderr */
	bool failed;
};

struct reporting {
	const struct options *options;
	const struct processes *processes;
	struct recording *recording;
	struct leaks leaks;
	unsigned dumps;       /* so far */
	bool asked;           /* for the maps to be compared before the next */
	bool failed;          /* one could not be written */
	int64_t epoch_ns;     /* to be added to CLOCK_MONOTONIC for CLOCK_REALTIME */
	uint64_t now_ns;      /* the moment that is reported, CLOCK_MONOTONIC */
	struct one_off *one_off; /* what the dump is for that is made just now, or NULL */
	struct writers writers; /* of dumps, until they are reaped */
	bool unread;          /* nobody reads what the first of them writes */
	uint64_t left_out;    /* dumps, for that */
	uint64_t left_blocks; /* any by those that have ended, not covered by suppressions? */
};

/* Ends our process when a destination can't be written, or a suppression not be read. All
 * pointers must outlive it; the processes need not be there yet. */
void reporting_init(struct reporting *, const struct options *, const struct processes *,
                    struct recording *);
bool reporting_asks_usable(const struct options *); /* does a format tell heap_usable? */
void reporting_deinit(struct reporting *);

/* What a report of it as it is now says first, and what is to be shown in it. */
struct report reporting_head(struct reporting *, const struct traced *);
/* That of a moment, to every destination; mark->number makes the file's name. */
void reporting_write(struct reporting *, struct heap *, const struct trace_mark *);
/* Has the maps of each process that runs compared with the kernel's list, as is to be done
 * before its report. True when they are; the commands for it may still be unsent. */
bool reporting_compare_maps(struct reporting *);
/* Of all as they are now, which will be reported again; one_off: for whom, or NULL. It is written
 * by a process of its own, and the next is not to be begun before that has ended; */
void reporting_dump(struct reporting *, const char *reason, struct one_off *);
/* but this one in the midst of what the program does, which is written behind those. */
void reporting_dump_now(struct reporting *);
void reporting_reap(struct reporting *);  /* writers that have ended */
bool reporting_writes(const struct reporting *, const struct one_off *); /* is it under way? */
/* Writers that may wait for somebody to read end soon: that of this dump for one who asked, those
 * of all such dumps, */
void reporting_give_up(struct reporting *, const struct one_off *);
void reporting_give_up_asked(struct reporting *);
void reporting_give_up_all(struct reporting *); /* and everybody's, which is told. */
bool reporting_has_reader(const struct reporting *); /* who may never read */
/* Would the next not have to wait for writers? */
bool reporting_may_end(const struct reporting *);
/* The last report of a process, behind dumps that are being written: where somebody reads it, by
 * a process of its own. Nothing when there was one. Of one that was released while it ran the
 * reason is "detach". */
void reporting_end(struct reporting *, struct traced *, const char *reason);

#endif
