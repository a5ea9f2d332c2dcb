/* A line for each call, as malloc-stat logs it: + TYPE USABLE ADDRESS PID TID; and in the form
 * its README shows, mlog1, without the numbers, and with the stack in lines of its own up to one
 * with a "-". A realloc's line has the old address behind the rest, which that tool did not
 * tell. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "stream_formats.h"

/* ---- begin and end -------------------------------------------------------------------------- */

static void put_named(FILE *out, const char *name, const char *value)
{
	if (!value)
		return;
	fprintf(out, "# %s ", name);
	stream_line_put(out, value);
	putc('\n', out);
}

static void put_cmdline(FILE *out, const struct stream_process *process)
{
	fputs("# CMDLINE", out);
	for (size_t i = 0; process->cmdline && process->cmdline[i]; i++) {
		putc(' ', out);
		stream_line_put(out, process->cmdline[i]);
	}
	putc('\n', out);
}

void mlog_begin(FILE *out, struct stream_process *process)
{
	fprintf(out, "# PID %d\n", process->pid);
	put_named(out, "EXE", process->exe);
	put_named(out, "CWD", process->cwd);
	put_cmdline(out, process);
	if (process->maps)
		fprintf(out, "# MAPS\n%s", process->maps);
	fprintf(out, "+ INIT 0 (nil) %d %d\n", process->pid, process->pid);
}

void mlog_end(FILE *out, struct stream_process *process, const struct heap_event *exit)
{
	int sig = exit && WIFSIGNALED(exit->status) ? WTERMSIG(exit->status) : 0;

	fprintf(out, "+ FINI 0 (nil) %d %d ", process->pid, process->pid);
	if (!exit)
		fputs("detached\n", out);
	else if (sig)
		fprintf(out, "signal %s\n", sigabbrev_np(sig) ? sigabbrev_np(sig) : "RT");
	else
		fprintf(out, "exit %d\n", WEXITSTATUS(exit->status));
}

/* ---- calls ---------------------------------------------------------------------------------- */

struct call {
	const char *type;
	uint64_t size;
	taddr_t block, old;
	bool has_old;
};

/* Other functions are the call that they come to. */
static const char *type_of(const struct heap_event *event, const char *plain)
{
	static const char *const types[] = { "malloc", "calloc", "memalign", "posix_memalign",
		                             "valloc", "pvalloc", "aligned_alloc", "free" };

	for (size_t i = 0; event->function && i < countof(types); i++)
		if (strcmp(types[i], event->function) == 0)
			return types[i];
	return plain;
}

static uint64_t worth(const struct heap_event *event)
{
	return event->usable ? event->usable : event->block ? event->size : 0;
}

static struct call call_of_free(const struct heap_event *event)
{
	uint64_t size = event->usable;

	if (!event->given)
		return (struct call){ .type = "free(NULL)" };
	if (event->state != HEAP_GIVEN_LIVE && event->state != HEAP_GIVEN_EARLIER)
		size = 0;
	else if (!size && event->state == HEAP_GIVEN_LIVE)
		size = event->was.size;
	return (struct call){ type_of(event, "free"), size, event->given, 0, false };
}

static struct call call_of_realloc(const struct heap_event *event)
{
	static const char *const types[][2] = {
		{ "alloc", "realloc-alloc" }, { "inplace", "realloc-inplace" },
		{ "move", "realloc-realloc" }, { "free", "realloc-free" }, { "fail", "realloc-fail" }
	};
	const char *kind = stream_realloc_kind(event);
	size_t i = 0;

	while (strcmp(types[i][0], kind) != 0)
		i++;
	return (struct call){ types[i][1], worth(event), event->block, event->given, true };
}

/* False: it is not of this log. */
static bool take(const struct heap_event *event, struct call *call)
{
	switch (event->kind) {
	case HEAP_EVENT_ALLOC:
		*call = (struct call){ type_of(event, "malloc"), worth(event), event->block, 0, false };
		return true;
	case HEAP_EVENT_FREE:
	case HEAP_EVENT_UNREF:
		*call = call_of_free(event);
		return stream_gives_back(event);
	case HEAP_EVENT_REALLOC:
		*call = call_of_realloc(event);
		return true;
	default:
		return false;
	}
}

static void put(FILE *out, const struct call *call, const struct stream_process *process, int tid)
{
	fprintf(out, "+ %s %" PRIu64 " ", call->type, call->size);
	stream_address_put(out, call->block);
	if (process)
		fprintf(out, " %d %d", process->pid, tid);
	if (call->has_old) {
		putc(' ', out);
		stream_address_put(out, call->old);
	}
	putc('\n', out);
}

void mlog_tell(FILE *out, struct stream_process *process, const struct heap_event *event)
{
	struct call call;

	if (take(event, &call))
		put(out, &call, process, event->tid);
}

/* ---- mlog1 ---------------------------------------------------------------------------------- */

/* As backtrace_symbols_fd(3) writes them. */
static void put_stack(FILE *out, struct stream_process *process, uint32_t site)
{
	size_t count;
	const struct heap_frame *stack = heap_stack(process->heap, site, &count);

	for (size_t i = 0; i < count; i++) {
		const struct heap_frame *frame = &stack[i];

		if (frame->inlined)
			continue;
		stream_line_put(out, frame->module ? frame->module : "");
		putc('(', out);
		if (frame->symbol)
			stream_line_put(out, frame->symbol);
		fprintf(out, "+0x%" PRIx64 ")[0x%" PRIx64 "]\n", frame->offset, frame->address);
	}
}

void mlog1_tell(FILE *out, struct stream_process *process, const struct heap_event *event)
{
	struct call call;

	if (!take(event, &call))
		return;
	put(out, &call, process->tagged ? process : NULL, event->tid);
	fprintf(out, "%s-\n", stream_text(process, event->site, put_stack));
}
