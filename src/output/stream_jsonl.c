/* One object a line, version 1: what happened, with its stack. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "json.h"
#include "json_gen.h"
#include "stream_formats.h"

struct writer {
	yajl_gen gen;
	FILE *out;
};

static void print(void *ctx, const char *text, size_t len)
{
	fwrite_unlocked(text, 1, len, ((struct writer *)ctx)->out);
}

static struct writer *writer_of(FILE *out, struct stream_process *process)
{
	struct writer *writer = process->state;

	if (!writer) {
		writer = calloc(1, sizeof(*writer));
		process->state = writer;
		if (!writer)
			return NULL;
		writer->gen = yajl_gen_alloc(NULL);
		if (writer->gen)
			yajl_gen_config(writer->gen, yajl_gen_print_callback, print, writer);
	}
	writer->out = out;
	return writer->gen ? writer : NULL;
}

/* ---- one line ------------------------------------------------------------------------------- */

static yajl_gen line_begin(FILE *out, struct stream_process *process, const char *what, int tid,
                           uint64_t time_ns)
{
	struct writer *writer = writer_of(out, process);
	int64_t epoch_us = ((int64_t)time_ns + process->epoch_ns) / 1000;

	if (!writer)
		return NULL;
	yajl_gen_map_open(writer->gen);
	json_member_number(writer->gen, "alloctrace", 1);
	json_member_string(writer->gen, "event", what);
	json_member_signed(writer->gen, "time_us", epoch_us);
	json_member_number(writer->gen, "pid", (uint64_t)process->pid);
	json_member_number(writer->gen, "tid", (uint64_t)tid);
	return writer->gen;
}

static void line_end(yajl_gen gen)
{
	yajl_gen_map_close(gen);
	yajl_gen_reset(gen, "\n");
}

static void put_address(yajl_gen gen, const char *key, taddr_t addr)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, heap_event_address(addr));
	json_member_string(gen, key, addr ? text : NULL);
}

static void write_stack(FILE *out, struct stream_process *process, uint32_t site)
{
	struct writer writer = { yajl_gen_alloc(NULL), out };

	if (!writer.gen)
		return;
	yajl_gen_config(writer.gen, yajl_gen_print_callback, print, &writer);
	json_frames(writer.gen, process->heap, site);
	yajl_gen_free(writer.gen);
}

/* A number is what yajl copies as it stands. */
static void put_stack(yajl_gen gen, struct stream_process *process, uint32_t site)
{
	const char *text = stream_text(process, site, write_stack);

	if (!site || !*text)
		text = "[]";
	if (site)
		json_member_number(gen, "site", site);
	else
		json_member_null(gen, "site");
	json_member(gen, "stack");
	yajl_gen_number(gen, text, strlen(text));
}

static void put_usable(yajl_gen gen, const struct heap_event *event)
{
	if (event->usable)
		json_member_number(gen, "usable", event->usable);
	else
		json_member_null(gen, "usable");
}

/* ---- events --------------------------------------------------------------------------------- */

static void put_alloc(yajl_gen gen, struct stream_process *process, const struct heap_event *event)
{
	json_member_string(gen, "function", event->function);
	put_address(gen, "address", event->block);
	json_member_number(gen, "size", event->size);
	put_usable(gen, event);
	put_stack(gen, process, event->site);
}

/* What was there before the call. */
static void put_was(yajl_gen gen, const char *key, const struct heap_event *event)
{
	if (event->state == HEAP_GIVEN_LIVE) {
		json_member_number(gen, key, event->was.size);
		json_member_number(gen, "age_ms", event->was.age_ms);
		json_member_number(gen, "alloc_tid", (uint64_t)event->was.tid);
		json_member_number(gen, "alloc_site", event->was.site);
	} else {
		json_member_null(gen, key);
	}
}

static void put_free(yajl_gen gen, struct stream_process *process, const struct heap_event *event)
{
	json_member_string(gen, "function", event->function);
	put_address(gen, "address", event->given);
	json_member_string(gen, "state", heap_event_state(event));
	put_was(gen, "size", event);
	put_usable(gen, event);
	put_stack(gen, process, event->site);
}

static void put_realloc(yajl_gen gen, struct stream_process *process,
                        const struct heap_event *event)
{
	json_member_string(gen, "kind", stream_realloc_kind(event));
	put_address(gen, "old_address", event->given);
	json_member_string(gen, "state", heap_event_state(event));
	put_was(gen, "old_size", event);
	put_alloc(gen, process, event);
}

static void put_hex(yajl_gen gen, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	json_string(gen, text);
}

static void put_map(yajl_gen gen, struct stream_process *process, const struct heap_event *event)
{
	const struct map_call *call = event->call;

	json_member_string(gen, "call", event->function);
	json_member(gen, "args");
	yajl_gen_array_open(gen);
	for (unsigned i = 0; i < map_call_arguments(call->kind); i++)
		put_hex(gen, call->args[i]);
	yajl_gen_array_close(gen);
	if (call->result < 0 && call->result >= -4095) {
		json_member_signed(gen, "error", -call->result);
	} else {
		json_member(gen, "result");
		put_hex(gen, (uint64_t)call->result);
	}
	json_member_string(gen, "origin", heap_origin_name(process->heap, event->origin));
	put_stack(gen, process, event->site);
}

static void put_thread(yajl_gen gen, struct stream_process *process, const struct heap_event *event)
{
	uint64_t offset;

	if (event->parent)
		json_member_number(gen, "creator", (uint64_t)event->parent);
	if (!event->start)
		return;
	put_address(gen, "start", event->start);
	json_member_string(gen, "start_function", heap_code_name(process->heap, event->start, &offset));
	put_address(gen, "arg", event->start_arg);
}

static void put_point(yajl_gen gen, struct stream_process *process, const struct heap_event *event)
{
	(void)process;
	json_member_string(gen, "action", heap_event_action(event));
	if (event->name && *event->name)
		json_member_string(gen, "name", event->name);
	if (event->detail && *event->detail)
		json_member_string(gen, "detail", event->detail);
}

static const struct {
	const char *name;
	void (*put)(yajl_gen, struct stream_process *, const struct heap_event *);
} kinds[HEAP_EVENTS] = {
	[HEAP_EVENT_ALLOC] = { "alloc", put_alloc },
	[HEAP_EVENT_FREE] = { "free", put_free },
	[HEAP_EVENT_REALLOC] = { "realloc", put_realloc },
	[HEAP_EVENT_REF] = { "ref", put_free },
	[HEAP_EVENT_UNREF] = { "unref", put_free },
	[HEAP_EVENT_ABANDONED] = { "abandoned", NULL },
	[HEAP_EVENT_LOST] = { "lost", NULL },
	[HEAP_EVENT_MAP] = { "map", put_map },
	[HEAP_EVENT_POINT] = { "point", put_point },
	[HEAP_EVENT_RESET] = { "reset", NULL },
	[HEAP_EVENT_THREAD_BEGIN] = { "thread-begin", put_thread },
	[HEAP_EVENT_THREAD_END] = { "thread-end", NULL },
	[HEAP_EVENT_OFF] = { "off", NULL },
	[HEAP_EVENT_ON] = { "on", NULL },
};

void jsonl_tell(FILE *out, struct stream_process *process, const struct heap_event *event)
{
	const char *name = kinds[event->kind].name;
	yajl_gen gen = name ? line_begin(out, process, name, event->tid, event->time_ns) : NULL;

	if (!gen)
		return;
	if (kinds[event->kind].put)
		kinds[event->kind].put(gen, process, event);
	line_end(gen);
}

void jsonl_begin(FILE *out, struct stream_process *process)
{
	static const char *const names[] = { [STREAM_EXEC] = "exec", [STREAM_ATTACH] = "attach",
		                             [STREAM_FORK] = "fork" };
	yajl_gen gen = line_begin(out, process, names[process->how], process->pid, process->now_ns);
	size_t args = 0;

	if (!gen)
		return;
	while (process->cmdline && process->cmdline[args])
		args++;
	json_member_string(gen, "exe", process->exe);
	json_member_strings(gen, "cmdline", process->cmdline, args);
	json_member_string(gen, "cwd", process->cwd);
	if (process->how == STREAM_FORK)
		json_member_number(gen, "parent_tid", (uint64_t)process->parent);
	line_end(gen);
}

void jsonl_end(FILE *out, struct stream_process *process, const struct heap_event *exit)
{
	yajl_gen gen = line_begin(out, process, exit ? "exit" : "detach", process->pid,
	                          exit ? exit->time_ns : process->now_ns);

	if (!gen)
		return;
	if (exit && WIFSIGNALED(exit->status))
		json_member_number(gen, "signal", (uint64_t)WTERMSIG(exit->status));
	else if (exit)
		json_member_number(gen, "status", (uint64_t)WEXITSTATUS(exit->status));
	line_end(gen);
}

void jsonl_forget(struct stream_process *process)
{
	struct writer *writer = process->state;

	if (writer && writer->gen)
		yajl_gen_free(writer->gen);
	free(writer);
}
