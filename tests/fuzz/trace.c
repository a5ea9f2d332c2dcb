/* A recording. The first byte says what the rest is: 0, a file as it stands; else blocks, to
 * which right checksums are put: kind, track, milliseconds, the length in two bytes, payload.
 * Behind the file's own catalogue, unless they begin with one. */
#include "fuzz.h"

#include <stdlib.h>

#include "analysis/catalog.h"
#include "heap.h"
#include "output.h"
#include "replay.h"
#include "trace.h"
#include "trace/form.h"

#define BEGAN UINT64_C(1000000000)
enum { PREFIX = 5, ROWS = 48 };

static struct wire made;
static uint64_t last_ns;

static void put_block(struct block block, const uint8_t *payload, size_t len)
{
	uint8_t head[HEAD_LEN];

	block.len = block.stored = len;
	block.sum = form_sum(payload, len);
	form_put_head(&block, head);
	wire_put(&made, head, sizeof(head));
	wire_put(&made, payload, len);
}

/* Not all rows: to read them would take longer than all the rest. */
static void put_catalogue(void)
{
	static struct wire payload;
	unsigned all = catalog_count;

	if (!payload.len) {
		catalog_count = ROWS;
		wire_number(&payload, 0);
		heap_save_catalogue(&payload);
		catalog_count = all;
	}
	put_block((struct block){ .kind = BLOCK_CATALOGUE }, payload.bytes, payload.len);
}

static void make(const uint8_t *at, size_t left)
{
	uint8_t header[HEADER_LEN];

	made.len = 0;
	last_ns = BEGAN;
	form_put_header(header);
	wire_put(&made, header, sizeof(header));
	if (!left || *at != BLOCK_CATALOGUE)
		put_catalogue();
	while (left >= PREFIX) {
		size_t len = at[3] | at[4] << 8;

		if (len > left - PREFIX)
			len = left - PREFIX;
		last_ns += at[2] * UINT64_C(1000000);
		put_block((struct block){ .kind = at[0], .track = at[1] & 3,
		                          .first_ns = last_ns, .last_ns = last_ns },
		          at + PREFIX, len);
		at += PREFIX + len;
		left -= PREFIX + len;
	}
}

static ssize_t swallow(void *cookie, const char *bytes, size_t len)
{
	(void)cookie;
	return bytes ? (ssize_t)len : 0;
}

static void report(struct heap *heap, uint64_t now_ns)
{
	const struct heap_program *program = heap_program(heap);
	struct report of = { .reason = "dump", .pid = program->pid, .exe = program->exe,
		             .cmdline = program->cmdline, .heap = heap, .blocks = true,
		             .time_ms = (now_ns - program->began_ns) / 1000000 };

	/* one by one: each looks at other things */
	const struct output *output = &outputs[heap_totals(heap)->allocs % output_count];
	FILE *out = fopencookie(NULL, "w", (cookie_io_functions_t){ .write = swallow });

	of.query.now_ms = of.time_ms;
	output->write(out, &of);
	fclose(out);
}

static void look(struct trace *trace, uint32_t track, struct trace_moment moment)
{
	const struct analysis_options options = { .depth = 64 };
	struct heap *heap = trace_heap(trace, track, &options, &moment);

	if (!heap)
		return;
	report(heap, moment.now_ns);
	heap_free(heap);
}

static void look_at_all(struct trace *trace)
{
	const struct trace_process *processes;
	size_t count = trace_processes(trace, &processes);
	struct trace_moment moment;
	struct trace_mark mark;

	for (size_t i = 0; i < count && i < 4; i++) {
		size_t at = 0;

		if (trace_next_mark(trace, processes[i].track, &at, &mark, &moment))
			look(trace, processes[i].track, moment);
		look(trace, processes[i].track, (struct trace_moment){
			SIZE_MAX, processes[i].last_ns - (processes[i].last_ns & 0xfffff) });
	}
}

static void hear(void *ctx, struct heap *heap, const struct heap_event *event)
{
	size_t depth;

	(void)ctx;
	if (event->site)
		heap_stack(heap, event->site, &depth);
}

static void hear_end(void *ctx, const struct trace_process *process, struct heap *heap, bool lost)
{
	(void)ctx, (void)lost;
	if (heap)
		report(heap, process->last_ns);
}

static void play(struct trace *trace)
{
	const struct analysis_options options = { .depth = 64 };
	const struct trace_audience audience = { { hear, NULL }, hear_end };
	const struct trace_process *processes;
	size_t count = trace_processes(trace, &processes);
	struct trace_moment *moments = calloc(count, sizeof(*moments));

	for (size_t i = 0; moments && i < count; i++)
		moments[i] = (struct trace_moment){ SIZE_MAX, UINT64_MAX };
	if (moments)
		trace_play(trace, &options, moments, &audience);
	free(moments);
}

/* What a recording has brought would be there for the next. */
static void drop_rows(unsigned known)
{
	while (catalog_count > known)
		free((void *)catalog[--catalog_count].name);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	unsigned known = catalog_count;
	struct trace *trace;
	const char *why;
	char path[32];
	int fd;

	if (len && *bytes)
		make(bytes + 1, len - 1);
	fd = len && *bytes ? fuzz_file(made.bytes, made.len) :
	                     fuzz_file(bytes + !!len, len - !!len);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	trace = trace_open(path, &why);
	close(fd);
	if (trace) {
		look_at_all(trace);
		play(trace);
		trace_free(trace);
	} else {
		fuzz_use(why);
	}
	drop_rows(known);
	return 0;
}
