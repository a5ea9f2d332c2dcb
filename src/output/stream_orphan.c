/* What is not paired, as Centreon's malloc-trace writes it: allocations that were old when they
 * were looked at, once, and frees of what nobody was seen to allocate.
 *
 *     "FUNCTION";TID;ADDRESS;SIZE;MS;"STACK"
 *
 * ADDRESS is decimal, MS the time of day of the call, STACK a JSON array of f, s and l: function,
 * source file and line. Quotes in it are doubled (RFC 4180), or with --compat \" as in the
 * original, which no reader of CSV takes. A block that was told and then freed is told by a free.
 *
 * The blocks wait in the order they came; of those freed meanwhile the places are taken back
 * when they are the most. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "shortage.h"
#include "stream_formats.h"
#include "utf8.h"

#define TOLD UINT64_MAX

struct waiting {
	taddr_t addr; /* 0: freed */
	const char *function;
	uint64_t size, time_ns;
	uint32_t site;
	int tid;
};

struct orphans {
	struct waiting *list;
	size_t begin, end, capacity, freed;
	struct table by_addr; /* place + 1, or TOLD */
};

static struct orphans *orphans_of(struct stream_process *process)
{
	if (!process->state)
		process->state = calloc(1, sizeof(struct orphans));
	return process->state;
}

/* ---- a line --------------------------------------------------------------------------------- */

static void put_escaped(FILE *out, const char *text)
{
	for (const unsigned char *at = (const unsigned char *)text; *at; at++)
		if (*at == '"' || *at == '\\')
			fprintf(out, "\\%c", *at);
		else if (*at < ' ' || *at == 0x7f)
			fprintf(out, "\\u%04x", *at);
		else
			putc_unlocked(*at, out);
}

static void put_name(FILE *out, const char *name)
{
	char *clean = utf8_clean(name);

	put_escaped(out, clean ? clean : "");
	if (clean != name)
		free(clean);
}

static void put_frame(FILE *out, const struct heap_frame *frame)
{
	char address[32];

	fputs("{\"f\":\"", out);
	snprintf(address, sizeof(address), "+0x%" PRIx64, frame->offset);
	put_name(out, frame->function ? frame->function : frame->module ? frame->module : "");
	if (!frame->function)
		fputs(address, out);
	putc('"', out);
	if (frame->file) {
		fputs(" , \"s\":\"", out);
		put_name(out, frame->file);
		putc('"', out);
	}
	if (frame->file && frame->line > 0)
		fprintf(out, " , \"l\":%d}", frame->line);
	else
		fputs(frame->file ? "}" : " }", out);
}

static char *json_of(struct stream_process *process, uint32_t site)
{
	size_t count, len;
	const struct heap_frame *stack = heap_stack(process->heap, site, &count);
	char *text = NULL;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	putc('[', out);
	for (size_t i = 0; i < count; i++) {
		if (i)
			putc(',', out);
		put_frame(out, &stack[i]);
	}
	putc(']', out);
	if (shortage_close(out))
		return text;
	free(text);
	return NULL;
}

/* As the field has it. */
static void put_stack(FILE *out, struct stream_process *process, uint32_t site)
{
	char *json = json_of(process, site);

	for (const char *at = json ? json : "[]"; *at; at++) {
		if (*at == '"')
			putc(process->compat ? '\\' : '"', out);
		putc(*at, out);
	}
	free(json);
}

static void put(FILE *out, struct stream_process *process, const struct waiting *one)
{
	uint64_t ms = (uint64_t)((int64_t)one->time_ns + process->epoch_ns) / 1000000;
	const char *stack = stream_text(process, one->site, put_stack);

	fprintf(out, "\"%s\";%d;%" PRIu64 ";%" PRIu64 ";%" PRIu64 ";\"%s\"", one->function,
	        one->tid, heap_event_address(one->addr), one->size, ms, *stack ? stack : "[]");
	if (process->tagged)
		fprintf(out, ";%d", process->pid);
	putc('\n', out);
}

/* ---- what waits ----------------------------------------------------------------------------- */

/* False: no memory; the block is then never told. */
static bool make_room(struct orphans *orphans)
{
	size_t wanted = orphans->capacity ? 2 * orphans->capacity : 1024;
	struct waiting *grown;

	if (orphans->end < orphans->capacity)
		return true;
	grown = realloc(orphans->list, wanted * sizeof(*grown));
	if (!grown)
		return false;
	orphans->list = grown;
	orphans->capacity = wanted;
	return true;
}

/* The places in front and between are taken back. */
static void close_up(struct orphans *orphans)
{
	size_t to = 0;

	for (size_t i = orphans->begin; i < orphans->end; i++) {
		uint64_t *at = orphans->list[i].addr ?
		                       table_find(&orphans->by_addr, orphans->list[i].addr) : NULL;

		if (!at)
			continue;
		orphans->list[to] = orphans->list[i];
		*at = ++to;
	}
	orphans->begin = orphans->freed = 0;
	orphans->end = to;
}

static void add(struct orphans *orphans, const struct heap_event *event)
{
	uint64_t *at;

	if (orphans->begin + orphans->freed > 1024 &&
	    orphans->begin + orphans->freed > orphans->end / 2)
		close_up(orphans);
	if (!make_room(orphans))
		return;
	at = table_put(&orphans->by_addr, event->block);
	if (!at)
		return;
	if (*at && *at != TOLD) { /* that it was freed was not seen */
		orphans->list[*at - 1].addr = 0;
		orphans->freed++;
	}
	orphans->list[orphans->end++] = (struct waiting){
		event->block, event->function, event->size, event->time_ns, event->site, event->tid
	};
	*at = orphans->end;
}

/* True: it had been told. */
static bool take(struct orphans *orphans, taddr_t addr)
{
	const uint64_t *at = table_find(&orphans->by_addr, addr);
	bool told = at && *at == TOLD;

	if (!at)
		return false;
	if (!told) {
		orphans->list[*at - 1].addr = 0;
		orphans->freed++;
	}
	table_remove(&orphans->by_addr, addr);
	return told;
}

/* ---- events --------------------------------------------------------------------------------- */

/* The original knows of frees only that they are nobody's. */
static const char *name_of_free(const struct stream_process *process,
                                const struct heap_event *event)
{
	const char *plain = event->kind == HEAP_EVENT_REALLOC ? "freerealloc" : "free";

	if (process->compat || event->state == HEAP_GIVEN_LIVE)
		return plain;
	return event->state == HEAP_GIVEN_FREED  ? "doublefree" :
	       event->state == HEAP_GIVEN_MIDDLE ? "invalidfree" :
	                                           plain;
}

static bool is_nobodys(const struct heap_event *event)
{
	return event->state == HEAP_GIVEN_FREED || event->state == HEAP_GIVEN_MIDDLE ||
	       event->state == HEAP_GIVEN_EARLIER || event->state == HEAP_GIVEN_UNKNOWN;
}

static void freed(FILE *out, struct stream_process *process, struct orphans *orphans,
                  const struct heap_event *event)
{
	struct waiting one = { event->given, name_of_free(process, event), 0, event->time_ns,
		               event->site, event->tid };
	bool told = event->state == HEAP_GIVEN_LIVE && take(orphans, event->given);

	if (told || is_nobodys(event))
		put(out, process, &one);
}

void orphan_tell(FILE *out, struct stream_process *process, const struct heap_event *event)
{
	struct orphans *orphans = orphans_of(process);

	if (!orphans)
		return;
	switch (event->kind) {
	case HEAP_EVENT_FREE:
	case HEAP_EVENT_UNREF:
	case HEAP_EVENT_REALLOC:
		if (event->given && event->state != HEAP_GIVEN_NONE)
			freed(out, process, orphans, event);
		break;
	case HEAP_EVENT_ON: /* what lives of them is not known */
		orphan_forget(process);
		process->state = NULL;
		return;
	default:
		break;
	}
	if ((event->kind == HEAP_EVENT_ALLOC || event->kind == HEAP_EVENT_REALLOC) && event->block)
		add(orphans, event);
}

bool orphan_flush(FILE *out, struct stream_process *process, uint64_t now_ns)
{
	struct orphans *orphans = process->state;

	while (orphans && orphans->begin < orphans->end) {
		struct waiting *one = &orphans->list[orphans->begin];
		uint64_t *at = one->addr ? table_find(&orphans->by_addr, one->addr) : NULL;

		if (one->addr && one->time_ns + process->min_age_ms * 1000000 > now_ns)
			return false;
		orphans->begin++;
		orphans->freed -= !one->addr;
		if (!at)
			continue;
		put(out, process, one);
		*at = TOLD;
		return true;
	}
	return false;
}

void orphan_begin(FILE *out, struct stream_process *process)
{
	(void)out, (void)process; /* it has no header */
}

void orphan_end(FILE *out, struct stream_process *process, const struct heap_event *exit)
{
	(void)out, (void)process, (void)exit;
}

void orphan_forget(struct stream_process *process)
{
	struct orphans *orphans = process->state;

	if (!orphans)
		return;
	free(orphans->list);
	table_deinit(&orphans->by_addr);
	free(orphans);
}
