#include "kept.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "outbox.h"

#define LOOKED_AT 16 /* of the texts last kept: one that comes again comes soon */

void kept_free(struct kept *kept)
{
	if (!kept)
		return;
	for (size_t i = 0; i < kept->name_count; i++) {
		for (size_t k = 0; k < kept->names[i].count; k++)
			symbol_free(&kept->names[i].list[k]);
		free(kept->names[i].list);
	}
	for (size_t i = 0; i < kept->text_count; i++)
		free(kept->texts[i]);
	free(kept->names);
	free(kept->texts);
	free(kept->frame_modules);
	free(kept);
}

static bool text_room(struct kept *kept)
{
	size_t capacity = kept->text_capacity * 2 + 64;
	char **grown;

	if (kept->text_count < kept->text_capacity)
		return true;
	grown = realloc(kept->texts, capacity * sizeof(*grown));
	if (!grown)
		return false;
	kept->texts = grown;
	kept->text_capacity = capacity;
	return true;
}

bool kept_text(struct heap *heap, char *text, const char **out)
{
	struct kept *kept = heap->kept;

	*out = NULL;
	if (!text)
		return true;
	for (size_t i = kept->text_count; i > 0 && kept->text_count - i < LOOKED_AT; i--)
		if (strcmp(kept->texts[i - 1], text) == 0) {
			free(text);
			*out = kept->texts[i - 1];
			return true;
		}
	if (!text_room(kept)) {
		free(text);
		return false;
	}
	*out = kept->texts[kept->text_count++] = text;
	return true;
}

const char *kept_take(struct heap *heap, struct wire_reader *from)
{
	const char *text;

	from->failed |= !kept_text(heap, wire_take_text(from), &text);
	return text;
}

void kept_save_entry(int entry, struct wire *to)
{
	wire_number(to, entry + 1);
}

int kept_entry(const struct heap *heap, struct wire_reader *from)
{
	const struct replay_catalogue *catalogue = heap->kept->catalogue;
	uint64_t entry = wire_take_number(from);

	return entry && entry <= catalogue->count ? catalogue->entries[entry - 1] : CATALOG_NONE;
}

/* ---- names -------------------------------------------------------------------------- */

/* The recording ended before it was given names: the file may still be the one. */
static void open_file(struct module *module)
{
	struct elf found;
	struct stat stat_;
	int fd;

	if (module->elf.fd >= 0 || !module->elf.build_id[0] || *module->path != '/' ||
	    stat(module->path, &stat_) < 0 || !S_ISREG(stat_.st_mode))
		return;
	fd = open(module->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || elf_open(&found, fd) < 0)
		return;
	if (strcmp(found.build_id, module->elf.build_id) == 0)
		module->elf = found;
	else
		elf_close(&found);
}

static void tell_origin(struct heap *heap, const struct module *module)
{
	if (module->origin)
		note_add(heap, module->origin);
}

struct symbol *kept_symbols(struct heap *heap, struct frame *frame, size_t *count)
{
	size_t number = frame - heap->sites.frames;
	struct kept_names *names =
		number < heap->kept->name_count ? &heap->kept->names[number] : NULL;
	struct symbol *list;

	tell_origin(heap, frame->module);
	if (names) {
		list = names->list;
		*count = names->count;
		*names = (struct kept_names){ 0 };
		return list;
	}
	*count = 0;
	open_file(frame->module);
	return frame->module->elf.fd < 0 ? NULL :
	               symbols_of(frame->module, frame->addr, frame->exact, count);
}

static void save_view(const struct heap_frame *view, struct wire *to)
{
	wire_text(to, view->function);
	wire_text(to, view->symbol);
	wire_number(to, view->offset);
	wire_text(to, view->file);
	wire_signed(to, view->line);
	wire_number(to, view->inlined);
}

void heap_save_names(struct heap *heap, struct wire *to)
{
	const struct sites *sites = &heap->sites;

	wire_number(to, sites->frame_count);
	for (size_t i = 0; i < sites->frame_count; i++) {
		struct frame *frame = &sites->frames[i];

		frame_resolve(heap, frame);
		wire_number(to, frame->module ? frame->view_count : 0);
		for (size_t k = 0; frame->module && k < frame->view_count; k++)
			save_view(&frame->views[k], to);
	}
	wire_number(to, heap->modules.count);
	for (size_t i = 0; i < heap->modules.count; i++)
		wire_text(to, heap->modules.all[i]->origin);
}

static struct symbol load_symbol(struct heap *heap, struct wire_reader *from)
{
	struct symbol symbol;

	symbol.function = wire_take_text(from);
	symbol.name = wire_take_text(from);
	symbol.offset = wire_take_number(from);
	symbol.file = kept_take(heap, from);
	symbol.line = (int)wire_take_signed(from);
	symbol.inlined = wire_take_flag(from);
	return symbol;
}

static void load_frame(struct heap *heap, struct kept_names *names, struct wire_reader *from)
{
	size_t count = wire_take_count(from, 6);

	names->list = count ? calloc(count, sizeof(*names->list)) : NULL;
	from->failed |= count && !names->list;
	for (size_t i = 0; !from->failed && i < count; i++) {
		names->list[i] = load_symbol(heap, from);
		names->count++;
	}
}

static void load_origins(struct heap *heap, struct wire_reader *from)
{
	size_t count = wire_take_count(from, 1);

	for (size_t i = 0; i < count; i++) {
		char *text = wire_take_text(from);

		if (i < heap->modules.count && !heap->modules.all[i]->origin)
			heap->modules.all[i]->origin = text;
		else
			free(text);
	}
}

bool replay_load_names(struct heap *heap, struct wire_reader *from)
{
	size_t count = wire_take_count(from, 1);
	struct kept *kept = heap->kept;

	if (from->failed || kept->names)
		return false;
	kept->names = calloc(count + 1, sizeof(*kept->names));
	for (size_t i = 0; kept->names && !from->failed && i < count; i++) {
		load_frame(heap, &kept->names[i], from);
		kept->name_count++;
	}
	if (!from->failed)
		load_origins(heap, from);
	return kept->names && !from->failed;
}
