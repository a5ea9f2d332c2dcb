/* A line for each call, as memory_tracker's preload library prints it:
 * FUNCTION: ADDRESS SIZE LIBRARY SYMBOL CALLER. What is mapped by the program itself has its
 * caller; what libraries map beneath it is told as that project's system call tracer does. */
#include <inttypes.h>
#include <string.h>

#include "stream_formats.h"

/* ---- the caller ----------------------------------------------------------------------------- */

/* Calls that map are told with libc's function around the system call. */
static bool is_around_call(const struct heap_frame *frame)
{
	static const char *const names[] = { "mmap", "mmap64", "__mmap", "__mmap64", "munmap",
		                             "__munmap", "mremap", "__mremap", "shmat", "shmdt",
		                             "syscall" };

	for (size_t i = 0; frame->symbol && i < countof(names); i++)
		if (strcmp(frame->symbol, names[i]) == 0)
			return true;
	return false;
}

/* The library and the symbol the dynamic linker would tell: of the code that was called from, not
 * of what was inlined there. */
void stream_caller_put(FILE *out, struct heap *heap, uint32_t site)
{
	size_t count, i = 0;
	const struct heap_frame *stack = heap_stack(heap, site, &count);

	while (i + 1 < count && (stack[i].inlined || is_around_call(&stack[i])))
		i++;
	if (!count) {
		fputs("(null) (null) (nil)", out);
		return;
	}
	stream_line_put(out, stack[i].module ? stack[i].module : "(null)");
	putc(' ', out);
	stream_line_put(out, stack[i].symbol ? stack[i].symbol : "(null)");
	fprintf(out, " 0x%" PRIx64, stack[i].address);
}

static void put_caller(FILE *out, struct stream_process *process, uint32_t site)
{
	stream_caller_put(out, process->heap, site);
}

static void end_line(FILE *out, struct stream_process *process, uint32_t site)
{
	const char *caller = stream_text(process, site, put_caller);

	fprintf(out, " %s", *caller ? caller : "(null) (null) (nil)");
	if (process->tagged)
		fprintf(out, " %d", process->pid);
	putc('\n', out);
}

static void put(FILE *out, struct stream_process *process, const struct heap_event *event,
                const char *what, taddr_t addr, const uint64_t *size)
{
	fprintf(out, "%s: ", what);
	stream_address_put(out, addr);
	if (size)
		fprintf(out, " 0x%" PRIx64, *size);
	end_line(out, process, event->site);
}

/* ---- calls ---------------------------------------------------------------------------------- */

static void put_realloc(FILE *out, struct stream_process *process, const struct heap_event *event)
{
	if (!event->block && !(event->gone && event->given))
		return; /* it failed: all is as it was */
	if (event->given)
		put(out, process, event, "free(realloc)", event->given, NULL);
	if (event->block)
		put(out, process, event, "malloc(realloc)", event->block, &event->size);
}

/* ---- what is mapped ------------------------------------------------------------------------- */

static void put_mapped(FILE *out, struct stream_process *process, const struct heap_event *event,
                       const char *what, const char *how, taddr_t addr, uint64_t size)
{
	bool own = event->origin == HEAP_APP;
	char text[64];

	snprintf(text, sizeof(text), "%s%s", what, *how ? how : own ? "" : "(syscall)");
	if (own) {
		put(out, process, event, text, addr, &size);
		return;
	}
	fprintf(out, "%s: 0x%" PRIx64 " 0x%" PRIx64, text, addr, size);
	if (process->tagged)
		fprintf(out, " %d", process->pid);
	putc('\n', out);
}

static void put_map(FILE *out, struct stream_process *process, const struct heap_event *event)
{
	const struct map_call *call = event->call;
	taddr_t result = (taddr_t)call->result;

	if (call->result < 0 && call->result >= -4095)
		return;
	switch (call->kind) {
	case MAP_CALL_MMAP:
		put_mapped(out, process, event, "mmap", "", result, call->args[1]);
		break;
	case MAP_CALL_MUNMAP:
		put_mapped(out, process, event, "munmap", "", call->args[0], call->args[1]);
		break;
	case MAP_CALL_MREMAP: /* two lines, as of realloc */
		put_mapped(out, process, event, "munmap", "(mremap)", call->args[0], call->args[1]);
		put_mapped(out, process, event, "mmap", "(mremap)", result, call->args[2]);
		break;
	case MAP_CALL_BRK:
		fprintf(out, "brk(syscall): 0x%" PRIx64, result);
		if (process->tagged)
			fprintf(out, " %d", process->pid);
		putc('\n', out);
		break;
	}
}

/* ---- the stream ----------------------------------------------------------------------------- */

/* C++'s operators are the calls they make. */
static const char *name_of(const struct heap_event *event, const char *plain)
{
	return event->function && stream_is_word(event->function) ? event->function : plain;
}

void mtrace_begin(FILE *out, struct stream_process *process)
{
	(void)out, (void)process; /* it has no header */
}

void mtrace_tell(FILE *out, struct stream_process *process, const struct heap_event *event)
{
	switch (event->kind) {
	case HEAP_EVENT_ALLOC:
		put(out, process, event, name_of(event, "malloc"), event->block, &event->size);
		break;
	case HEAP_EVENT_FREE:
	case HEAP_EVENT_UNREF:
		if (stream_gives_back(event))
			put(out, process, event, name_of(event, "free"), event->given, NULL);
		break;
	case HEAP_EVENT_REALLOC:
		put_realloc(out, process, event);
		break;
	case HEAP_EVENT_MAP:
		put_map(out, process, event);
		break;
	default:
		break;
	}
}

void mtrace_end(FILE *out, struct stream_process *process, const struct heap_event *exit)
{
	(void)out, (void)process, (void)exit;
}
