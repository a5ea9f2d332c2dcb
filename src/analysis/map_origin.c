#include "map_origin.h"

#include <string.h>
#include <sys/mman.h>

#include "trust.h"

static const char *const origin_names[] = {
	[HEAP_APP] = "app", [HEAP_LIBC_MALLOC] = "libc-malloc", [HEAP_LIBC] = "libc",
	[HEAP_LOADER] = "loader", [HEAP_THREAD_STACK] = "thread-stack", [HEAP_KERNEL] = "kernel",
	[HEAP_EARLIER] = "earlier", [HEAP_UNSEEN] = "unseen",
};

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
	const struct frame *frame = site_frame_at(&heap->sites, site->stack, i);

	return frame ? frame->module : NULL;
}

static bool is_in(const struct function *function, taddr_t pc)
{
	return pc > function->addr && pc - function->addr < function->size;
}

/* Not one that a user names: whose memory it hands out is not known. */
static bool is_allocator(const struct function *function)
{
	return catalog[function->entry].role <= CATALOG_FREE &&
	       !catalog_is_added(function->entry) && !trust_is_refuted(function);
}

/* The allocator function that does it, by its frame: where no call was seen to begin, as none
 * is of libc's free, which may set up a thread's first cache. */
static const struct function *function_around(const struct heap *heap, const struct site *site)
{
	uint32_t stack = site->stack;
	const struct frame *frame;

	while ((frame = site_walk(&heap->sites, &stack)))
		for (size_t f = 0; f < heap->functions.count; f++) {
			const struct function *function = &heap->functions.list[f];

			if (is_allocator(function) && is_in(function, frame->addr))
				return function;
		}
	return NULL;
}

static bool is_maker(void *ctx, const struct elf_symbol *symbol)
{
	struct module *module = ctx;

	if (strcmp(symbol->name, "pthread_create") != 0)
		return true;
	module->makes_threads[0] = symbol->vaddr;
	module->makes_threads[1] = symbol->vaddr + symbol->size;
	return false;
}

/* musl's does not tell the kernel that it is to be a stack. */
static bool is_threads(const struct heap *heap, const struct site *site)
{
	const struct frame *frame = site_frame_at(&heap->sites, site->stack, 1);
	struct module *module = frame ? frame->module : NULL;
	taddr_t vaddr;

	if (!module)
		return false;
	if (!module->makes_threads[1]) {
		module->makes_threads[1] = 1;
		elf_each_function(&module->elf, is_maker, module);
	}
	vaddr = module_file_address(module, frame->addr);
	return vaddr > module->makes_threads[0] && vaddr < module->makes_threads[1];
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
	if (call->kind == MAP_CALL_MMAP && (by_libc || caller == own) &&
	    (call->args[3] & MAP_STACK || is_threads(heap, site)))
		return HEAP_THREAD_STACK;
	if (!by_libc || caller != own)
		return caller && caller->is_loader ? HEAP_LOADER : HEAP_APP;
	return there && there->origin == HEAP_LIBC_MALLOC ? HEAP_LIBC_MALLOC : HEAP_LIBC;
}

unsigned map_origin(struct heap *heap, const struct record_map *record, const struct site *site)
{
	const struct function *function = record->function < heap->functions.count ?
	                                          &heap->functions.list[record->function] : NULL;

	if (!function || !is_allocator(function))
		function = function_around(heap, site);
	return function ? allocator_origin(heap, function->module) :
	                  caller_origin(heap, site, &record->call);
}

const char *map_origin_name(const struct heap *heap, unsigned origin)
{
	return origin < HEAP_ORIGINS ? origin_names[origin] :
	                               heap->maps.names[origin - HEAP_ORIGINS];
}

const struct module *map_origin_module(const struct heap *heap, const struct site *site)
{
	uint32_t stack = site->stack;
	const struct frame *frame;

	while ((frame = site_walk(&heap->sites, &stack)))
		if (frame->module && !frame->module->is_loader && !is_libc(frame->module))
			return frame->module;
	return module_of(heap, site, 0);
}
