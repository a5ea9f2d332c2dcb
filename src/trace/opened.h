/* A recording that is read. */
#ifndef OPENED_H
#define OPENED_H

#include "file.h"
#include "replay.h"
#include "trace.h"

struct trace {
	struct file file;
	struct replay_catalogue *catalogue;
	uint64_t realtime_offset;
	struct trace_process *processes;
	size_t process_count;
	char **reasons; /* of marks: each once */
	size_t reason_count;
};

#endif
