#include "streaming.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

/* ---- met and forgotten ---------------------------------------------------------------------- */

struct streaming *streaming_of(const struct streams *streams, const struct heap *heap)
{
	const uint64_t *at = table_find(&streams->by_heap, (uintptr_t)heap);

	return at ? (struct streaming *)(uintptr_t)*at : NULL;
}

struct streaming *streaming_next(const struct streams *streams, size_t *at)
{
	const struct table_slot *slot = table_next(&streams->by_heap, at);

	return slot ? (struct streaming *)(uintptr_t)slot->value : NULL;
}

static void take_sink(struct streams *streams, struct told *told, int pid)
{
	told->sink = told->stream->sink;
	if (!told->stream->apart)
		return;
	told->sink = sinks_add(&streams->sinks, told->stream->dest, pid);
	if (told->sink)
		return;
	warn("cannot stream to %s:", told->stream->dest->path);
	streams->sinks.failed = true;
}

struct streaming *streaming_meet(struct streams *streams, struct heap *heap)
{
	uint64_t *at = table_put(&streams->by_heap, (uintptr_t)heap);
	struct streaming *one = at ? calloc(1, sizeof(*one)) : NULL;

	if (!one) {
		table_remove(&streams->by_heap, (uintptr_t)heap);
		return NULL;
	}
	*at = (uintptr_t)one;
	one->heap = heap;
	one->pid = heap_program(heap)->pid;
	for (unsigned i = 0; i < streams->count; i++) {
		one->each[i].stream = &streams->list[i];
		take_sink(streams, &one->each[i], one->pid);
	}
	return one;
}

static bool is_tagged(const struct streams *streams, const struct told *told)
{
	return streams->follow && !told->stream->apart;
}

void streaming_redirect(struct streams *streams, struct streaming *one)
{
	for (unsigned i = 0; i < streams->count; i++) {
		struct told *told = &one->each[i];

		if (told->sink)
			told->sink->over = true;
		take_sink(streams, told, one->pid);
		told->dropped = 0;
		told->process.tagged = is_tagged(streams, told);
	}
}

void streaming_forget(struct streams *streams, struct streaming *one)
{
	for (unsigned i = 0; i < streams->count; i++) {
		struct told *told = &one->each[i];

		stream_forget(streaming_format(told), &told->process);
		if (told->sink && told->stream->apart)
			told->sink->over = true;
	}
	table_remove(&streams->by_heap, (uintptr_t)one->heap);
	free(one->cwd);
	free(one->maps);
	free(one);
}

/* ---- a program begins ----------------------------------------------------------------------- */

/* NULL: not there, or no memory. */
static char *read_all(int pid, const char *what)
{
	char path[64], *text = NULL;
	size_t len = 0;
	ssize_t n = 1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, what);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && n > 0) {
		char *grown = realloc(text, len + 65536 + 1);

		if (!grown)
			break;
		text = grown;
		n = read(fd, text + len, 65536);
		len += n > 0 ? (size_t)n : 0;
		text[len] = 0;
	}
	if (fd >= 0)
		close(fd);
	return text;
}

static char *read_cwd(int pid)
{
	char link[64], path[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%d/cwd", pid);
	n = readlink(link, path, sizeof(path));
	return n > 0 ? strndup(path, (size_t)n) : NULL;
}

static struct stream_process describe(const struct streams *streams, const struct streaming *one,
                                      const struct told *told, const struct heap_event *event)
{
	const struct heap_program *program = heap_program(one->heap);

	return (struct stream_process){
		.heap = one->heap, .pid = one->pid, .exe = program->exe, .cmdline = program->cmdline,
		.cwd = one->cwd, .maps = one->maps, .epoch_ns = streams->epoch_ns,
		.tagged = is_tagged(streams, told),
		.compat = streams->options->compat, .min_age_ms = streams->min_age_ms,
		.how = event->kind == HEAP_EVENT_FORK ? STREAM_FORK :
		       streams->attached              ? STREAM_ATTACH :
		                                        STREAM_EXEC,
		.parent = event->parent, .now_ns = event->time_ns,
	};
}

void streaming_begin(struct streams *streams, struct streaming *one, const struct heap_event *event)
{
	free(one->cwd);
	free(one->maps);
	one->cwd = read_cwd(one->pid);
	one->maps = read_all(one->pid, "maps");
	for (unsigned i = 0; i < streams->count; i++) {
		struct told *told = &one->each[i];

		stream_forget(streaming_format(told), &told->process);
		told->process = describe(streams, one, told, event);
	}
	streams->attached = false;
}
