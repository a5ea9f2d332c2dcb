/* What has changed, as text and as JSON. */
#include <inttypes.h>

#include "json_gen.h"
#include "snapshot.h"
#include "text.h"
#include "units.h"
#include "utf8.h"

static size_t shown(const struct snapshot_diff *diff)
{
	return diff->top && diff->top < diff->count ? diff->top : diff->count;
}

/* ---- text ------------------------------------------------------------------------------------ */

static const char *sign(int64_t n)
{
	return n < 0 ? "-" : "+";
}

static uint64_t size_of(int64_t n)
{
	return n < 0 ? -(uint64_t)n : (uint64_t)n;
}

static void put_moment(FILE *out, const char *name, const struct snapshot *of)
{
	char exe[UTF8_FIT(TEXT_WIDTH)];

	utf8_fit(exe, of->exe ? text_short_path(of->exe) : "?", 40, 20);
	fprintf(out, "  %s  %s (pid %" PRIu64 ") after %s: %s in %s\n", name, exe, of->pid,
	        in_time(of->time_ms), in_bytes(of->live_bytes), in_count(of->live_blocks, "block"));
}

static void put_frame(FILE *out, const struct snapshot_frame *frame)
{
	const struct heap_frame as = { .function = frame->function, .module = frame->module,
		                       .file = frame->file, .offset = frame->offset,
		                       .line = frame->line, .inlined = frame->inlined };
	char name[UTF8_FIT(TEXT_WIDTH)], place[UTF8_FIT(TEXT_PLACE)] = "";

	text_frame_name(name, &as, TEXT_NAME);
	if (frame->file)
		utf8_fit(place, frame->file, TEXT_PLACE - 12, 0);
	fprintf(out, "%*s%s", TEXT_INDENT, "", name);
	if (frame->file && frame->line > 0)
		fprintf(out, "  %s:%d", place, frame->line);
	else if (frame->file)
		fprintf(out, "  %s", place);
	fputc('\n', out);
}

static void put_change(FILE *out, const struct snapshot_change *change, size_t number)
{
	const struct snapshot_site *site = change->b ? change->b : change->a;
	char function[UTF8_FIT(TEXT_WIDTH)];

	utf8_fit(function, site->function, 40, 20);
	fprintf(out, "\n  %zu. %s%s in %s%s, by %s\n", number, sign(change->bytes),
	        in_bytes(size_of(change->bytes)), sign(change->blocks),
	        in_count(size_of(change->blocks), "block"), function);
	for (size_t i = 0; i < site->depth; i++)
		put_frame(out, &site->stack[i]);
}

static void write_text(FILE *out, const struct report *report)
{
	const struct snapshot_diff *diff = ((const struct diff_report *)report)->diff;
	int64_t bytes = 0, blocks = 0;

	for (size_t i = 0; i < diff->count; i++) {
		bytes += diff->changes[i].bytes;
		blocks += diff->changes[i].blocks;
	}
	fprintf(out, "alloctrace diff: %s%s in %s%s at %s\n", sign(bytes), in_bytes(size_of(bytes)),
	        sign(blocks), in_count(size_of(blocks), "block"), in_count(diff->count, "site"));
	put_moment(out, "from", diff->a);
	put_moment(out, "to  ", diff->b);
	for (size_t i = 0; i < shown(diff); i++)
		put_change(out, &diff->changes[i], i + 1);
	if (shown(diff) < diff->count)
		fprintf(out, "\n  and %s more\n", in_count(diff->count - shown(diff), "site"));
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void json_moment(yajl_gen gen, const char *key, const struct snapshot *of)
{
	json_member(gen, key);
	yajl_gen_map_open(gen);
	json_member_string(gen, "exe", of->exe);
	json_member_number(gen, "pid", of->pid);
	json_member_number(gen, "time_ms", of->time_ms);
	json_member_number(gen, "live_blocks", of->live_blocks);
	json_member_number(gen, "live_bytes", of->live_bytes);
	yajl_gen_map_close(gen);
}

static void json_change(yajl_gen gen, const struct snapshot_change *change)
{
	const struct snapshot_site *site = change->b ? change->b : change->a;

	yajl_gen_map_open(gen);
	json_member_string(gen, "function", site->function);
	json_member_signed(gen, "bytes", change->bytes);
	json_member_signed(gen, "blocks", change->blocks);
	json_member_signed(gen, "allocs", change->allocs);
	json_member(gen, "stack");
	yajl_gen_array_open(gen);
	for (size_t i = 0; i < site->depth; i++) {
		yajl_gen_map_open(gen);
		json_member_string(gen, "module", site->stack[i].module);
		json_member_string(gen, "function", site->stack[i].function);
		json_member_number(gen, "offset", site->stack[i].offset);
		json_member_string(gen, "file", site->stack[i].file);
		json_member_number(gen, "line", site->stack[i].line);
		yajl_gen_map_close(gen);
	}
	yajl_gen_array_close(gen);
	yajl_gen_map_close(gen);
}

static void write_json(FILE *out, const struct report *report)
{
	const struct snapshot_diff *diff = ((const struct diff_report *)report)->diff;
	yajl_gen gen = json_begin(out, report->one_line);

	if (!gen)
		return;
	json_member_number(gen, "alloctrace_diff", 1);
	json_moment(gen, "from", diff->a);
	json_moment(gen, "to", diff->b);
	json_member(gen, "sites");
	yajl_gen_array_open(gen);
	for (size_t i = 0; i < shown(diff); i++)
		json_change(gen, &diff->changes[i]);
	yajl_gen_array_close(gen);
	json_end(gen, out, report->one_line);
}

const struct output diff_text = { "text", ".txt", write_text, NULL, false };
const struct output diff_json = { "json", ".json", write_json, NULL, false };
