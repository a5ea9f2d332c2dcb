#include "maps.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "naming.h"
#include "outbox.h"
#include "proc_maps.h"
#include "view.h"

static const char *const origin_names[] = {
	[HEAP_APP] = "app", [HEAP_LIBC_MALLOC] = "libc-malloc", [HEAP_LIBC] = "libc",
	[HEAP_LOADER] = "loader", [HEAP_THREAD_STACK] = "thread-stack", [HEAP_KERNEL] = "kernel",
	[HEAP_EARLIER] = "earlier",
};

/* ---- origins ------------------------------------------------------------------------- */

static const char *short_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_libc(const struct module *module)
{
	const char *name = short_name(module->path);

	return strncmp(name, "libc.so", 7) == 0 || strncmp(name, "libc-", 5) == 0 ||
	       strncmp(name, "ld-musl", 7) == 0;
}

/* A library's malloc is known by the library; the program's own, in a static one, is libc's. */
static unsigned allocator_origin(struct heap *heap, const struct module *module)
{
	struct maps *maps = &heap->maps;
	const char *name = short_name(module->path);
	unsigned i = 0;

	if (is_libc(module) || module->path == heap->exe || !module->elf.has_interpreter)
		return HEAP_LIBC_MALLOC;
	while (i < maps->name_count && strncmp(maps->names[i], name, sizeof(maps->names[i]) - 1) != 0)
		i++;
	if (i == countof(maps->names))
		return HEAP_APP;
	if (i == maps->name_count)
		snprintf(maps->names[maps->name_count++], sizeof(*maps->names), "%s", name);
	return HEAP_ORIGINS + i;
}

static const struct module *module_of(const struct heap *heap, const struct site *site, unsigned i)
{
	return i < site->frame_count ? heap->sites.frames[site->frames[i] - 1].module : NULL;
}

static bool is_in(const struct function *function, taddr_t pc)
{
	return pc > function->addr && pc - function->addr < function->size;
}

/* The allocator function that does it, by its frame: where no call was seen to begin, as none
 * is of libc's free, which may set up a thread's first cache. */
static const struct function *function_around(const struct heap *heap, const struct site *site)
{
	for (unsigned i = 0; i < site->frame_count; i++)
		for (size_t f = 0; f < heap->functions.count; f++) {
			const struct function *function = &heap->functions.list[f];

			if (catalog[function->entry].role <= CATALOG_FREE &&
			    is_in(function, heap->sites.frames[site->frames[i] - 1].addr))
				return function;
		}
	return NULL;
}

/* By who called the function that contains the system call. */
static unsigned caller_origin(const struct heap *heap, const struct site *site,
                              const struct map_call *call)
{
	const struct module *own = module_of(heap, site, 0), *caller = module_of(heap, site, 1);
	const struct vma *there = vmas_at(&heap->maps.space.vmas, (taddr_t)call->result);
	bool by_libc = own && is_libc(own);

	if (own && own->is_loader && !by_libc)
		return HEAP_LOADER;
	if (call->kind == MAP_CALL_MMAP && call->args[3] & MAP_STACK && (by_libc || caller == own))
		return HEAP_THREAD_STACK;
	if (!by_libc || caller != own)
		return caller && caller->is_loader ? HEAP_LOADER : HEAP_APP;
	return there && there->origin == HEAP_LIBC_MALLOC ? HEAP_LIBC_MALLOC : HEAP_LIBC;
}

static unsigned origin_of(struct heap *heap, const struct record_map *record,
                          const struct site *site)
{
	const struct function *function = record->function < heap->functions.count ?
	                                          &heap->functions.list[record->function] :
	                                          function_around(heap, site);

	return function ? allocator_origin(heap, function->module) :
	                  caller_origin(heap, site, &record->call);
}

/* ---- the kernel's list ------------------------------------------------------------------ */

static struct vma found(void *ctx, const char *name)
{
	const struct heap *heap = ctx;
	struct vma vma = { .site = SITE_NONE, .time_ns = heap->program.began_ns };

	vma.born = ++((struct heap *)heap)->maps.born;
	if (!heap->attached || strcmp(name, "[stack]") == 0 || strcmp(name, "[vdso]") == 0 ||
	    strncmp(name, "[vvar", 5) == 0)
		vma.origin = HEAP_KERNEL;
	else
		vma.origin = strcmp(name, "[heap]") == 0 ? HEAP_LIBC_MALLOC : HEAP_EARLIER;
	return vma;
}

static uint64_t mapped_bytes(const struct heap *heap)
{
	uint64_t bytes = 0;
	const struct vma *vma;

	for (taddr_t at = 0; (vma = vmas_next(&heap->maps.space.vmas, at)); at = vma->end)
		bytes += vma->end - vma->begin;
	return bytes;
}

static void read_list(struct heap *heap, FILE *list)
{
	address_space_read(&heap->maps.space, list, found, heap);
	heap->maps.known = true;
	heap->maps.first_bytes = mapped_bytes(heap);
}

bool maps_are_wanted(const struct heap *heap)
{
	return !heap->options.no_maps;
}

void maps_reset(struct heap *heap)
{
	address_space_deinit(&heap->maps.space);
	heap->maps = (struct maps){ .state = HEAP_MAPS_UNKNOWN };
}

void maps_begin(struct heap *heap)
{
	FILE *list;

	if (!maps_are_wanted(heap))
		return;
	if (heap->attached) {
		command_add(heap, CMD_QUIET, 0, sizeof(struct record));
		return;
	}
	list = proc_maps_open(heap->program.pid);
	if (!list)
		return;
	read_list(heap, list);
	fclose(list);
}

static void tell(void *ctx, enum difference what, taddr_t begin, taddr_t end)
{
	static const char *const names[] = { "not known", "not there", "of another kind" };

	heap_note(ctx, "the map of %llx-%llx is %s", (unsigned long long)begin,
	          (unsigned long long)end, names[what]);
}

static void compare(struct heap *heap, FILE *list)
{
	struct maps *maps = &heap->maps;

	maps->differences = address_space_compare(&maps->space, list, tell, heap);
	maps->state = maps->differences ? HEAP_MAPS_DIFFER : HEAP_MAPS_IDENTICAL;
}

void maps_quiet(struct heap *heap)
{
	FILE *list = proc_maps_open(heap->program.pid);

	if (list && !heap->maps.known)
		read_list(heap, list);
	if (list) {
		rewind(list);
		compare(heap, list);
		fclose(list);
	}
	heap->maps.asked = false;
	command_add(heap, CMD_LOUD, 0, sizeof(struct record));
}

bool heap_ask_maps(struct heap *heap)
{
	struct maps *maps = &heap->maps;

	maps->state = HEAP_MAPS_UNKNOWN;
	maps->asked = maps_are_wanted(heap) && heap->program.pid &&
	              command_add(heap, CMD_QUIET, 0, sizeof(struct record));
	return maps->asked;
}

bool heap_awaits_maps(const struct heap *heap)
{
	return heap->maps.asked;
}

void maps_lost(struct heap *heap)
{
	heap->maps.state = HEAP_MAPS_UNKNOWN;
	heap->maps.differences = 0;
	heap->maps.asked = false;
}

void maps_unordered(struct heap *heap)
{
	heap->maps.unordered++;
}

/* ---- calls -------------------------------------------------------------------------------- */

static uint64_t bytes_of(const struct map_call *call)
{
	switch (call->kind) {
	case MAP_CALL_MREMAP:
		return call->args[2];
	case MAP_CALL_SHMAT:
		return call->mapped;
	case MAP_CALL_BRK:
	case MAP_CALL_SHMDT:
		return 0;
	default:
		return call->args[1];
	}
}

static void count(struct heap *heap, const struct map_call *call)
{
	struct heap_map_calls *calls = &heap->maps.calls[call->kind];
	bool failed = call->result < 0 && call->result > -4096;

	/* brk fails by standing still; a question is none */
	if (call->kind == MAP_CALL_BRK && call->args[0] && call->args[0] != (taddr_t)call->result)
		failed = true;
	calls->calls++;
	calls->failed += failed;
	if (failed)
		return;
	calls->bytes += bytes_of(call);
	if (call->kind == MAP_CALL_BRK && heap->maps.space.brk &&
	    (taddr_t)call->result > heap->maps.space.brk)
		calls->bytes += (taddr_t)call->result - heap->maps.space.brk;
}

void maps_mapped(struct heap *heap, const struct record_map *record)
{
	const struct map_call *call = &record->call;
	struct view *view = view_of(heap, record->record.tid);
	uint32_t index = view ? naming_map_site(heap, view, record) : SITE_NONE;
	struct site *site = index == SITE_NONE ? NULL : &heap->sites.sites[index];
	struct vma by = { .site = index, .tid = record->record.tid,
		          .time_ns = record->record.time_ns, .born = ++heap->maps.born };

	if (!heap->maps.known || call->kind >= MAP_CALLS)
		return;
	count(heap, call);
	by.origin = site ? origin_of(heap, record, site) : HEAP_APP;
	address_space_apply(&heap->maps.space, call, &by);
	if (!site)
		return;
	if (!site->map_calls++)
		site->view.first_ms = model_since_begin_ms(heap);
	site->view.last_ms = model_since_begin_ms(heap);
}

static struct vma inherited(void *ctx, const char *name)
{
	(void)name;
	return (struct vma){ .site = SITE_NONE, .origin = HEAP_EARLIER,
		             .born = ++((struct heap *)ctx)->maps.born };
}

/* The child has not what was not to be inherited, madvise(2), and what another thread has
 * just mapped may be told of later: then only the list counts. */
static void take_list_of_child(struct heap *heap)
{
	FILE *list = proc_maps_open(heap->program.pid);

	if (!list)
		return;
	if (address_space_compare(&heap->maps.space, list, NULL, NULL)) {
		rewind(list);
		address_space_read(&heap->maps.space, list, inherited, heap);
	}
	fclose(list);
}

bool maps_copy(struct heap *heap, const struct heap *from)
{
	const struct maps *was = &from->maps;
	struct maps *maps = &heap->maps;

	*maps = (struct maps){ .known = was->known,
		               .state = HEAP_MAPS_UNKNOWN, .born = was->born,
		               .name_count = was->name_count };
	memcpy(maps->names, was->names, sizeof(maps->names));
	maps->space.brk = was->space.brk;
	if (!vmas_copy(&maps->space.vmas, &was->space.vmas))
		return false;
	if (was->known)
		take_list_of_child(heap);
	maps->first_bytes = mapped_bytes(heap);
	return true;
}

void maps_free(struct heap *heap)
{
	address_space_deinit(&heap->maps.space);
}

/* ---- answers -------------------------------------------------------------------------------- */

static const char *origin_name(const struct heap *heap, unsigned origin)
{
	return origin < HEAP_ORIGINS ? origin_names[origin] :
	                               heap->maps.names[origin - HEAP_ORIGINS];
}

struct heap_maps heap_maps(struct heap *heap)
{
	struct maps *maps = &heap->maps;
	struct heap_maps out = { .state = maps->known ? maps->state : HEAP_MAPS_OFF,
		                 .differences = maps->differences, .unordered = maps->unordered,
		                 .truncated_stacks = maps->truncated_stacks,
		                 .calls = maps->calls, .origins = maps->origins };
	const struct vma *vma;

	out.origin_count = HEAP_ORIGINS + maps->name_count;
	memset(maps->origins, 0, sizeof(maps->origins));
	for (size_t i = 0; i < out.origin_count; i++)
		maps->origins[i].name = origin_name(heap, i);
	for (taddr_t at = 0; (vma = vmas_next(&maps->space.vmas, at)); at = vma->end) {
		maps->origins[vma->origin].bytes += vma->end - vma->begin;
		maps->origins[vma->origin].maps++;
		out.bytes += vma->end - vma->begin;
	}
	for (size_t i = 0; i < heap->modules.mapped_count; i++) {
		out.places += heap->modules.mapped[i]->map_calls;
		out.any_places += heap->modules.mapped[i]->any_calls;
	}
	out.net_bytes = (int64_t)(out.bytes - maps->first_bytes);
	return out;
}

static int by_bytes(const void *a, const void *b)
{
	const struct heap_map_site *x = a, *y = b;

	return x->bytes > y->bytes ? -1 : x->bytes < y->bytes ? 1 : x->id < y->id ? -1 : 1;
}

/* Rows by site, with gaps; then without. */
static size_t gather(const struct heap *heap, struct heap_map_site *list)
{
	const struct vma *vma;
	size_t count = 0;

	for (taddr_t at = 0; (vma = vmas_next(&heap->maps.space.vmas, at)); at = vma->end) {
		if (vma->site >= heap->sites.count)
			continue;
		list[vma->site].bytes += vma->end - vma->begin;
		list[vma->site].maps++;
		list[vma->site].origin = origin_name(heap, vma->origin);
	}
	for (size_t i = 0; i < heap->sites.count; i++) {
		const struct site *site = &heap->sites.sites[i];

		if (!list[i].maps)
			continue;
		list[count] = list[i];
		list[count].id = site->view.id;
		list[count].call = site->view.function;
		list[count].calls = site->map_calls;
		list[count].first_ms = site->view.first_ms;
		list[count++].last_ms = site->view.last_ms;
	}
	return count;
}

struct heap_map_site *heap_map_sites(struct heap *heap, size_t *count)
{
	struct heap_map_site *list = calloc(heap->sites.count + 1, sizeof(*list));

	*count = list ? gather(heap, list) : 0;
	if (*count)
		qsort(list, *count, sizeof(*list), by_bytes);
	return list;
}
