/* What events do not tell. */
#include <stdlib.h>
#include <string.h>

#include "kept.h"
#include "outbox.h"
#include "program.h"

/* ---- the program ----------------------------------------------------------------------- */

void kept_save_program(const struct heap *heap, struct wire *to)
{
	wire_signed(to, heap->program.pid);
	wire_number(to, heap->program.began_ns);
	wire_text(to, heap->exe);
	wire_number(to, heap->cmdline ? heap->cmdline_len + 1 : 0);
	wire_put(to, heap->cmdline, heap->cmdline ? heap->cmdline_len : 0);
	wire_number(to, heap->attached);
}

/* As it lies in the process: each argument ends in a zero. */
static bool load_cmdline(struct heap *heap, struct wire_reader *from)
{
	size_t len = wire_take_number(from);

	if (!len--)
		return !from->failed;
	if (len > (size_t)(from->end - from->at) || (len && from->at[len - 1]))
		return false;
	heap->cmdline = malloc(len + 1);
	if (!heap->cmdline)
		return false;
	memcpy(heap->cmdline, from->at, len);
	heap->cmdline[len] = '\0';
	heap->cmdline_len = len;
	from->at += len;
	return program_split(heap);
}

bool kept_load_program(struct heap *heap, struct wire_reader *from)
{
	program_free(heap);
	heap->exe = heap->cmdline = NULL;
	heap->argv = NULL;
	heap->program = (struct heap_program){ .pid = (int)wire_take_signed(from) };
	heap->program.began_ns = wire_take_number(from);
	heap->program.exe = heap->exe = wire_take_text(from);
	if (!load_cmdline(heap, from))
		return false;
	heap->program.cmdline = heap->argv;
	heap->attached = wire_take_flag(from);
	return !from->failed;
}

/* ---- the ledger ------------------------------------------------------------------------ */

static void save_notes(const struct notes *notes, struct wire *to)
{
	wire_number(to, notes->count);
	for (size_t i = 0; i < notes->count; i++)
		wire_text(to, notes->list[i]);
}

void kept_save_ledger(const struct heap *heap, struct wire *to)
{
	const struct heap_ledger *ledger = &heap->ledger;
	const uint64_t numbers[] = {
		ledger->missed_calls, ledger->unknown_frees, ledger->double_frees,
		ledger->earlier_calls, ledger->earlier_frees, ledger->loader_frees,
		ledger->truncated_stacks, ledger->stalls, heap->threads_live, heap->threads_total,
		heap->cost.stops, heap->cost.tracer_ns, heap->cost.watched_ns, heap->usable.bytes,
		heap->usable.events, ledger->off, ledger->off_times, ledger->off_ms,
		heap->off_since_ns
	};

	for (size_t i = 0; i < countof(numbers); i++)
		wire_number(to, numbers[i]);
	wire_number(to, heap->usable.known);
	wire_number(to, ledger->text);
	save_notes(&heap->notes, to);
}

static bool load_notes(struct heap *heap, struct wire_reader *from)
{
	size_t count = wire_take_count(from, 1);

	while (heap->notes.count)
		free(heap->notes.list[--heap->notes.count]);
	for (size_t i = 0; i < count; i++) {
		char *note = wire_take_text(from);

		if (!note)
			return false;
		note_add(heap, note);
		free(note);
	}
	return !from->failed;
}

bool kept_load_ledger(struct heap *heap, struct wire_reader *from)
{
	struct heap_ledger *ledger = &heap->ledger;
	uint64_t off = 0;
	uint64_t *const numbers[] = {
		&ledger->missed_calls, &ledger->unknown_frees, &ledger->double_frees,
		&ledger->earlier_calls, &ledger->earlier_frees, &ledger->loader_frees,
		&ledger->truncated_stacks, &ledger->stalls, &heap->threads_live,
		&heap->threads_total, &heap->cost.stops, &heap->cost.tracer_ns,
		&heap->cost.watched_ns, &heap->usable.bytes, &heap->usable.events, &off,
		&ledger->off_times, &ledger->off_ms, &heap->off_since_ns
	};

	for (size_t i = 0; i < countof(numbers); i++)
		*numbers[i] = wire_take_number(from);
	ledger->off = off;
	heap->usable.known = wire_take_flag(from);
	ledger->text = wire_take_most(from, HEAP_TEXT_DIFFERS);
	return load_notes(heap, from);
}

/* ---- all of them ----------------------------------------------------------------------- */

enum { OPTION_GROWTH = 1, OPTION_NO_MAPS = 2, OPTION_RSS = 4, OPTION_MISMATCHES = 8,
       OPTION_USABLE = 16, OPTION_RAW_STACKS = 32, OPTIONS = 63 };

static void save_options(const struct analysis_options *options, struct wire *to)
{
	wire_number(to, (options->growth ? OPTION_GROWTH : 0) |
	                (options->no_maps ? OPTION_NO_MAPS : 0) | (options->rss ? OPTION_RSS : 0) |
	                (options->mismatches ? OPTION_MISMATCHES : 0) |
	                (options->usable ? OPTION_USABLE : 0) |
	                (options->raw_stacks ? OPTION_RAW_STACKS : 0));
}

static void load_options(struct analysis_options *options, struct wire_reader *from)
{
	uint64_t bits = wire_take_most(from, OPTIONS);

	options->growth = bits & OPTION_GROWTH;
	options->no_maps = bits & OPTION_NO_MAPS;
	options->rss = bits & OPTION_RSS;
	options->mismatches = bits & OPTION_MISMATCHES;
	options->usable = bits & OPTION_USABLE;
	options->raw_stacks |= bits & OPTION_RAW_STACKS;
}

void heap_save_facts(struct heap *heap, struct wire *to)
{
	save_options(&heap->options, to);
	wire_number(to, heap->now_ns);
	kept_save_program(heap, to);
	kept_save_ledger(heap, to);
	kept_save_modules(heap, to);
	kept_save_maps(heap, to);
}

bool replay_load_facts(struct heap *heap, struct wire_reader *from)
{
	load_options(&heap->options, from);
	heap->now_ns = wire_take_number(from);
	if (!kept_load_program(heap, from) || !kept_load_ledger(heap, from) ||
	    !kept_load_modules(heap, from) || !kept_load_maps(heap, from))
		return false;
	heap->maps.made_code = true; /* there is no code to look at */
	return !from->failed;
}

uint64_t heap_facts_version(const struct heap *heap)
{
	return heap->modules.count + heap->modules.mapped_count + heap->functions.count +
	       heap->notes.count + heap->maps.name_count;
}
