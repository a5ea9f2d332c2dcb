/* What is mapped, as a recording keeps it whole beside the calls that change it. */
#include <stdlib.h>
#include <string.h>

#include "kept.h"

/* ---- saving ---------------------------------------------------------------------------- */

static void save_vma(const struct vma *vma, taddr_t last, struct wire *to)
{
	wire_number(to, vma->begin - last);
	wire_number(to, vma->end - vma->begin);
	wire_number(to, vma->offset);
	wire_number(to, vma->inode);
	wire_number(to, vma->dev);
	wire_number(to, vma->prot);
	wire_number(to, vma->flags);
	wire_number(to, vma->origin);
	wire_number(to, site_id(vma->site));
	wire_signed(to, vma->tid);
	wire_number(to, vma->time_ns);
	wire_number(to, vma->born);
}

static void save_space(const struct address_space *space, struct wire *to)
{
	const struct vma *vma;
	size_t count = 0;
	taddr_t at;

	for (at = 0; (vma = vmas_next(&space->vmas, at)); at = vma->end)
		count++;
	wire_number(to, space->brk);
	wire_number(to, count);
	for (at = 0; (vma = vmas_next(&space->vmas, at)); at = vma->end)
		save_vma(vma, at, to);
}

static void save_residence(const struct heap *heap, struct wire *to)
{
	const struct residence *residence = &heap->maps.residence;

	wire_number(to, residence->known);
	wire_number(to, residence->has_parts);
	wire_number(to, residence->live_absent);
	for (size_t i = 0; i < RSS_PARTS; i++)
		wire_number(to, residence->parts[i]);
	wire_number(to, residence->file_count);
	for (size_t i = 0; i < residence->file_count; i++) {
		wire_text(to, residence->files[i].path);
		wire_number(to, residence->files[i].inode);
		wire_number(to, residence->files[i].dev);
		wire_number(to, residence->files[i].bytes);
		wire_number(to, residence->files[i].resident);
	}
	for (size_t i = 0; i < countof(heap->maps.origins); i++)
		wire_number(to, heap->maps.origins[i].resident);
}

/* Sites that have something in memory, and the end. */
static void save_resident_sites(const struct sites *sites, struct wire *to)
{
	for (size_t i = 0; i < sites->count; i++) {
		const struct site *site = &sites->sites[i];

		if (!site->map_resident && !site->map_resident_own)
			continue;
		wire_number(to, i + 1);
		wire_number(to, site->map_resident);
		wire_number(to, site->map_resident_own);
	}
	wire_number(to, 0);
}

static void save_vm(const struct vm *vm, struct wire *to)
{
	wire_number(to, vm->known);
	for (size_t i = 0; i < HEAP_VM_FIGURES; i++) {
		wire_text(to, vm->figures[i].name);
		wire_number(to, vm->figures[i].bytes);
		wire_signed(to, vm->figures[i].since_last);
		wire_signed(to, vm->figures[i].since_start);
	}
}

static void save_names(const struct maps *maps, struct wire *to)
{
	wire_number(to, maps->name_count);
	for (size_t i = 0; i < maps->name_count; i++)
		wire_text(to, maps->names[i]);
}

void kept_save_maps(const struct heap *heap, struct wire *to)
{
	const struct maps *maps = &heap->maps;

	wire_number(to, maps->known);
	wire_number(to, maps->state);
	wire_number(to, maps->born);
	wire_number(to, maps->first_bytes);
	wire_number(to, maps->differences);
	wire_number(to, maps->unordered);
	wire_number(to, maps->truncated_stacks);
	for (size_t i = 0; i < MAP_CALLS; i++) {
		wire_number(to, maps->calls[i].calls);
		wire_number(to, maps->calls[i].failed);
		wire_number(to, maps->calls[i].bytes);
	}
	save_names(maps, to);
	save_space(&maps->space, to);
	save_residence(heap, to);
	save_resident_sites(&heap->sites, to);
	save_vm(&maps->vm, to);
}

/* ---- loading --------------------------------------------------------------------------- */

static bool load_vma(const struct heap *heap, struct vma *vma, taddr_t last,
                     struct wire_reader *from)
{
	vma->begin = last + wire_take_most(from, SANE);
	vma->end = vma->begin + wire_take_most(from, SANE);
	vma->offset = wire_take_number(from);
	vma->inode = wire_take_number(from);
	vma->dev = wire_take_number(from);
	vma->prot = wire_take_most(from, UINT8_MAX);
	vma->flags = wire_take_most(from, UINT8_MAX);
	vma->origin = wire_take_most(from, HEAP_ORIGINS + heap->maps.name_count - 1);
	vma->site = (uint32_t)wire_take_most(from, UINT32_MAX - 1) - 1;
	vma->tid = (int)wire_take_signed(from);
	vma->time_ns = wire_take_number(from);
	vma->born = wire_take_number(from);
	return !from->failed && vma->end > vma->begin && vma->end <= SANE;
}

static bool load_space(struct heap *heap, struct wire_reader *from)
{
	struct address_space *space = &heap->maps.space;
	struct vma vma = { .end = 0 };
	size_t count;

	address_space_deinit(space);
	space->brk = wire_take_most(from, SANE);
	count = wire_take_count(from, 12);
	for (size_t i = 0; i < count; i++)
		if (!load_vma(heap, &vma, vma.end, from) || !vmas_put(&space->vmas, &vma))
			return false;
	return !from->failed;
}

static bool load_file(struct residence *residence, struct wire_reader *from)
{
	struct resident_file *file = &residence->files[residence->file_count];

	file->path = wire_take_text(from);
	if (!file->path)
		return false;
	residence->file_count++;
	file->inode = wire_take_number(from);
	file->dev = wire_take_number(from);
	file->bytes = wire_take_number(from);
	file->resident = wire_take_number(from);
	return !from->failed;
}

static bool load_residence(struct heap *heap, struct wire_reader *from)
{
	struct residence *residence = &heap->maps.residence;
	size_t count;

	residence_forget(heap);
	residence->known = wire_take_flag(from);
	residence->has_parts = wire_take_flag(from);
	residence->live_absent = wire_take_number(from);
	for (size_t i = 0; i < RSS_PARTS; i++)
		residence->parts[i] = wire_take_number(from);
	count = wire_take_count(from, 5);
	residence->files = calloc(count + 1, sizeof(*residence->files));
	for (size_t i = 0; i < count; i++)
		if (!residence->files || !load_file(residence, from))
			return false;
	for (size_t i = 0; i < countof(heap->maps.origins); i++)
		heap->maps.origins[i].resident = wire_take_number(from);
	return residence->files && !from->failed;
}

static bool load_resident_sites(struct sites *sites, struct wire_reader *from)
{
	uint64_t number;

	while ((number = wire_take_most(from, sites->count))) {
		sites->sites[number - 1].map_resident = wire_take_number(from);
		sites->sites[number - 1].map_resident_own = wire_take_number(from);
	}
	return !from->failed;
}

static bool load_vm(struct heap *heap, struct wire_reader *from)
{
	struct vm *vm = &heap->maps.vm;
	bool known = wire_take_flag(from), sound = true;

	vm->known = false;
	for (size_t i = 0; i < HEAP_VM_FIGURES; i++) {
		vm->figures[i].name = kept_take(heap, from);
		vm->figures[i].bytes = wire_take_number(from);
		vm->figures[i].since_last = wire_take_signed(from);
		vm->figures[i].since_start = wire_take_signed(from);
		sound &= vm->figures[i].name || !known;
	}
	vm->known = known && sound;
	return sound && !from->failed;
}

static bool load_names(struct maps *maps, struct wire_reader *from)
{
	maps->name_count = wire_take_most(from, countof(maps->names));
	for (size_t i = 0; i < maps->name_count; i++) {
		char *name = wire_take_text(from);
		bool fits = name && strlen(name) < sizeof(maps->names[i]);

		if (fits)
			strcpy(maps->names[i], name);
		free(name);
		if (!fits)
			return false;
	}
	return true;
}

bool kept_load_maps(struct heap *heap, struct wire_reader *from)
{
	struct maps *maps = &heap->maps;

	maps->known = wire_take_flag(from);
	maps->state = wire_take_most(from, HEAP_MAPS_DIFFER);
	maps->born = wire_take_number(from);
	maps->first_bytes = wire_take_number(from);
	maps->differences = wire_take_number(from);
	maps->unordered = wire_take_number(from);
	maps->truncated_stacks = wire_take_number(from);
	for (size_t i = 0; i < MAP_CALLS; i++) {
		maps->calls[i].calls = wire_take_number(from);
		maps->calls[i].failed = wire_take_number(from);
		maps->calls[i].bytes = wire_take_number(from);
	}
	return !from->failed && load_names(maps, from) && load_space(heap, from) &&
	       load_residence(heap, from) && load_resident_sites(&heap->sites, from) &&
	       load_vm(heap, from);
}
