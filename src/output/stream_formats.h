/* The formats that stream_formats[] lists, and what they share. */
#ifndef STREAM_FORMATS_H
#define STREAM_FORMATS_H

#include "stream.h"

void mtrace_begin(FILE *, struct stream_process *);
void mtrace_tell(FILE *, struct stream_process *, const struct heap_event *);
void mtrace_end(FILE *, struct stream_process *, const struct heap_event *exit);

void mlog_begin(FILE *, struct stream_process *);
void mlog_tell(FILE *, struct stream_process *, const struct heap_event *);
void mlog1_tell(FILE *, struct stream_process *, const struct heap_event *);
void mlog_end(FILE *, struct stream_process *, const struct heap_event *exit);

void jsonl_begin(FILE *, struct stream_process *);
void jsonl_tell(FILE *, struct stream_process *, const struct heap_event *);
void jsonl_end(FILE *, struct stream_process *, const struct heap_event *exit);
void jsonl_forget(struct stream_process *);

void orphan_begin(FILE *, struct stream_process *);
void orphan_tell(FILE *, struct stream_process *, const struct heap_event *);
bool orphan_flush(FILE *, struct stream_process *, uint64_t now_ns);
void orphan_end(FILE *, struct stream_process *, const struct heap_event *exit);
void orphan_forget(struct stream_process *);

/* What write makes of a site, once; "" for site 0, and without memory. Valid until the next. */
const char *stream_text(struct stream_process *, uint32_t site,
                        void (*write)(FILE *, struct stream_process *, uint32_t site));

/* "alloc", "inplace", "move", "free" or "fail": what a REALLOC did. */
const char *stream_realloc_kind(const struct heap_event *);
/* Does the call give back what it was given? An UNREF may leave it to others. */
static inline bool stream_gives_back(const struct heap_event *event)
{
	return event->kind == HEAP_EVENT_FREE ||
	       (event->kind == HEAP_EVENT_UNREF && event->state != HEAP_GIVEN_NONE);
}

void stream_address_put(FILE *, taddr_t); /* as printf's %p has it: "(nil)" for 0 */
/* With what would end a line, and backslashes, as \ooo, like /proc/PID/maps has them. */
void stream_line_put(FILE *, const char *text);

#endif
